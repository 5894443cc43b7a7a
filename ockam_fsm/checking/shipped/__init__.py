"""All worlds and known-bad machines that this project checks, and the page that lists them."""

"""What the kits try: stimuli, test sequences from an automaton, hostile input, random runs."""

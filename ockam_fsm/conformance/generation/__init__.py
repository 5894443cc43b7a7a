"""The inputs of the kits: stimuli, test sequences from an automaton, hostile messages, random runs."""

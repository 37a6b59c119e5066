"""How pictures look, in numbers that need no model, and which are copies of each other."""

"""Pictures on their way out: what travels with them, what they are called, and that they arrive whole."""

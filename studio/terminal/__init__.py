"""Terminal: what the verbs of `python -m studio` do and how they answer. Nothing here loads a model."""

"""Measures in plain numpy: what a figure in the docs means is written here and tested against numbers worked out by hand."""

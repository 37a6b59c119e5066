"""Guided editing in one tab: what lies on the page, what its fields mean, and how it is drawn."""

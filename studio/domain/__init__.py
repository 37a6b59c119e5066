"""The nouns of the studio: frozen values with no behaviour that touches a disk, a network or a model."""

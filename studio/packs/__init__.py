"""Packs: what weights are on this machine and whether they are whole. Nothing here loads a weight."""

"""Vectors in numbers alone: their table, blocks that are compared, clusters, and the map."""

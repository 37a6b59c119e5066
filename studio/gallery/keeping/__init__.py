"""What becomes of pictures that are here: changes with their undo, collections, the bin, the sweep, who came from whom."""

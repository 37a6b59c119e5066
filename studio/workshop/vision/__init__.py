"""From pixels to words, vectors and scores."""

"""X/Y grids on the pages: what is wished, the labelled sheet of pictures, and where a grid stands in queue and gallery."""

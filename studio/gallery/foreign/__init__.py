"""What other tools wrote into the files that they made, one module for each; nothing here opens a file or raises."""

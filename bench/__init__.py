"""One script per question; each prints a table and JSON lines. Nothing of the studio imports them."""

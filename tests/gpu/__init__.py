"""What can only be seen on a CUDA device; skipped where there is none."""

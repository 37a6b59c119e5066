"""Easel: a creative studio that runs on one person's workstation."""

"""What people keep to write prompts with: wildcard files and styles, and what a typed prompt becomes with them."""

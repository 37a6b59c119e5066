"""What may come in, what may be shown or saved, and how a file says where it came from; no model is loaded here."""

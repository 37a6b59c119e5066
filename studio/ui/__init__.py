"""What the pages are made of: the frame, the forms, the pictures and what watches a job. It decides nothing about models."""

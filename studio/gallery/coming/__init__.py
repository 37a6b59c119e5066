"""Pictures on their way in: what an import finds, folders that are watched, the row beside a new file."""

"""The room that keeps pictures: their files, their rows, what they say of themselves, and how they are found again."""

"""From pictures to control maps, and from words to masks."""

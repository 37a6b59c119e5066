"""How the Storybook starter pack is made: the pictures, their words, and the trainers; nothing here runs in the studio."""

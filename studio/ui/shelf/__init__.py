"""The Shelf page in parts: packs here, packs on their way, what may be installed, the user's own, who was contacted."""

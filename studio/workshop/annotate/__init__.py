"""From pictures to control maps: what draws them and what estimates them; nothing here paints."""

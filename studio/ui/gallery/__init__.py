"""The rooms of the Gallery page: the box, the wall, what brings pictures in. Each draws itself; the page only lays them out."""

"""How each kind of thing, the person and the skull sign look; it never decides where they stand."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from studio.starter.brush import INK, Brush, Colour, mix, ring

WHITE: Colour = (255, 255, 255)
CREAM: Colour = (255, 240, 200)
TIMBER: Colour = (112, 72, 44)
LEAF: Colour = (66, 150, 70)

PALETTE: dict[str, Colour] = {
    "red": (224, 44, 46),
    "orange": (250, 140, 26),
    "yellow": (253, 218, 48),
    "green": (46, 158, 70),
    "blue": (44, 98, 220),
    "purple": (134, 60, 186),
    "pink": (250, 132, 188),
    "white": (248, 248, 246),
    "brown": (130, 78, 42),
}
HAIR: dict[str, Colour] = {"black": (40, 34, 40), "brown": (112, 66, 34), "blond": (244, 206, 92), "red": (206, 84, 34)}
SKIN: dict[str, Colour] = {"pale": (252, 220, 190), "tan": (222, 164, 112), "dark": (122, 76, 50)}


def _dark(colour: Colour) -> Colour:
    return mix(colour, INK, 0.32)


def _light(colour: Colour) -> Colour:
    return mix(colour, WHITE, 0.45)


def _about(x: float, y: float, r: float, *offsets: tuple[float, float]) -> list[tuple[float, float]]:
    """Points around a centre, their offsets in radii."""
    return [(x + dx * r, y + dy * r) for dx, dy in offsets]


def _ball(b: Brush, x: float, y: float, r: float, c: Colour) -> None:
    b.ellipse(x, y, 0.92 * r, 0.92 * r, c)
    b.ellipse(x - 0.3 * r, y - 0.36 * r, 0.25 * r, 0.18 * r, _light(c), ink=None)


def _box(b: Brush, x: float, y: float, r: float, c: Colour) -> None:
    s = 0.8 * r
    b.polygon([(x - s, y - s), (x + s, y - s), (x + s, y + s), (x - s, y + s)], c)
    b.polygon([(x - s, y - s), (x + s, y - s), (x + s, y - 0.42 * s), (x - s, y - 0.42 * s)], _dark(c))


def _star(b: Brush, x: float, y: float, r: float, c: Colour) -> None:
    points = []
    for i in range(10):
        turn, reach = math.radians(-90 + 36 * i), r * (1.06 if i % 2 == 0 else 0.46)
        points.append((x + reach * math.cos(turn), y + 0.06 * r + reach * math.sin(turn)))
    b.polygon(points, c)


def _heart(b: Brush, x: float, y: float, r: float, c: Colour) -> None:
    points = []
    for i in range(36):
        t = 2 * math.pi * i / 36
        px = 16 * math.sin(t) ** 3
        py = 13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)
        points.append((x + r * px / 16.5, y - r * (py + 2) / 16.0))
    b.polygon(points, c)


def _house(b: Brush, x: float, y: float, r: float, c: Colour) -> None:
    b.polygon(
        _about(x, y, r, (-0.72, -0.1), (0.72, -0.1), (0.72, 0.92), (-0.72, 0.92)),
        c,
    )
    b.polygon(_about(x, y, r, (-0.96, -0.08), (0.0, -0.98), (0.96, -0.08)), _dark(c))
    b.polygon(
        _about(x, y, r, (-0.2, 0.3), (0.2, 0.3), (0.2, 0.92), (-0.2, 0.92)),
        TIMBER,
        line=0.007,
    )
    for side in (-0.47, 0.47):
        wx, wy, s = x + side * r, y + 0.26 * r, 0.15 * r
        b.polygon([(wx - s, wy - s), (wx + s, wy - s), (wx + s, wy + s), (wx - s, wy + s)], CREAM, line=0.007)


def _tree(b: Brush, x: float, y: float, r: float, c: Colour) -> None:
    b.polygon(
        _about(x, y, r, (-0.15, 0.1), (0.15, 0.1), (0.22, 0.98), (-0.22, 0.98)),
        TIMBER,
    )
    lobes = ((-0.42, 0.0, 0.46), (0.42, 0.0, 0.46), (0.0, -0.45, 0.54))
    for dx, dy, s in lobes:
        b.ellipse(x + dx * r, y + dy * r, s * r + 0.009, s * r + 0.009, INK, ink=None)
    for dx, dy, s in (*lobes, (0.0, 0.0, 0.4)):
        b.ellipse(x + dx * r, y + dy * r, s * r, s * r, c, ink=None)


def _boat(b: Brush, x: float, y: float, r: float, c: Colour) -> None:
    b.stroke(_about(x, y, r, (0.0, -0.92), (0.0, 0.4)), INK, 0.016)
    b.polygon(_about(x, y, r, (0.08, -0.86), (0.74, 0.2), (0.08, 0.2)), WHITE)
    b.polygon(_about(x, y, r, (-0.1, -0.6), (-0.1, 0.2), (-0.6, 0.2)), _light(c))
    b.polygon(
        _about(x, y, r, (-1.0, 0.36), (1.0, 0.36), (0.62, 0.92), (-0.62, 0.92)),
        c,
    )


def _fish(b: Brush, x: float, y: float, r: float, c: Colour) -> None:
    b.polygon(_about(x, y, r, (0.45, 0.0), (1.02, -0.52), (1.02, 0.52)), _dark(c))
    b.ellipse(x - 0.18 * r, y, 0.82 * r, 0.56 * r, c)
    b.polygon(_about(x, y, r, (-0.05, 0.02), (0.34, -0.2), (0.34, 0.26)), _dark(c), line=0.006)
    b.ellipse(x - 0.58 * r, y - 0.12 * r, 0.15 * r, 0.15 * r, WHITE, line=0.006)
    b.ellipse(x - 0.62 * r, y - 0.12 * r, 0.07 * r, 0.07 * r, INK, ink=None)


def _flower(b: Brush, x: float, y: float, r: float, c: Colour) -> None:
    b.stroke(_about(x, y, r, (0.0, -0.2), (0.0, 0.98)), (40, 110, 50), 0.13 * r)
    b.polygon(_about(x, y, r, (0.0, 0.8), (0.5, 0.4), (0.46, 0.7)), LEAF, line=0.007)
    cy = y - 0.34 * r
    petals = [
        (x + 0.4 * r * math.cos(t), cy + 0.4 * r * math.sin(t)) for t in (math.radians(-90 + 72 * i) for i in range(5))
    ]
    for px, py in petals:
        b.ellipse(px, py, 0.29 * r, 0.29 * r, c)
    middle = (214, 120, 20) if c == PALETTE["yellow"] else (255, 214, 60)
    b.ellipse(x, cy, 0.22 * r, 0.22 * r, middle, line=0.007)


def _mushroom(b: Brush, x: float, y: float, r: float, c: Colour) -> None:
    b.polygon(_about(x, y, r, (-0.26, 0.0), (0.26, 0.0), (0.34, 0.9), (-0.34, 0.9)), CREAM)
    b.polygon(ring(x, y + 0.14 * r, 0.96 * r, 1.02 * r, 180, 360), c)
    spot = (206, 206, 214) if c == PALETTE["white"] else WHITE
    for dx, dy, s in ((-0.48, -0.18, 0.17), (0.04, -0.5, 0.19), (0.5, -0.14, 0.16)):
        b.ellipse(x + dx * r, y + dy * r, s * r, s * r, spot, ink=None)


def _umbrella(b: Brush, x: float, y: float, r: float, c: Colour) -> None:
    b.stroke(_about(x, y, r, (0.0, -0.9), (0.0, 0.78)), INK, 0.1 * r)
    b.stroke(ring(x + 0.17 * r, y + 0.76 * r, 0.17 * r, 0.17 * r, 180, 0, 10), INK, 0.1 * r)
    dome = ring(x, y + 0.1 * r, 1.0 * r, 0.9 * r, 180, 360)
    hem = [
        (x + dx * r, y + (0.1 if i % 2 == 0 else -0.06) * r)
        for i, dx in enumerate((1.0, 0.75, 0.5, 0.25, 0.0, -0.25, -0.5, -0.75, -1.0))
    ]
    b.polygon([*dome, *hem], c)
    b.polygon(
        [*ring(x, y + 0.1 * r, 0.4 * r, 0.9 * r, 180, 360), (x + 0.2 * r, y - 0.04 * r), (x - 0.2 * r, y - 0.04 * r)],
        _dark(c),
        ink=None,
    )


def _car(b: Brush, x: float, y: float, r: float, c: Colour) -> None:
    b.polygon(_about(x, y, r, (-0.6, 0.0), (-0.36, -0.56), (0.34, -0.56), (0.64, 0.0)), c)
    b.polygon(
        _about(x, y, r, (-0.4, -0.06), (-0.26, -0.42), (-0.02, -0.42), (-0.02, -0.06)),
        (190, 226, 250),
        line=0.006,
    )
    b.polygon(
        _about(x, y, r, (0.1, -0.06), (0.1, -0.42), (0.27, -0.42), (0.44, -0.06)),
        (190, 226, 250),
        line=0.006,
    )
    b.polygon(
        _about(x, y, r, (-1.0, 0.04), (-0.86, -0.04), (0.86, -0.04), (1.0, 0.1), (1.0, 0.46), (-1.0, 0.46)),
        c,
    )
    for side in (-0.54, 0.54):
        b.ellipse(x + side * r, y + 0.46 * r, 0.27 * r, 0.27 * r, INK)
        b.ellipse(x + side * r, y + 0.46 * r, 0.11 * r, 0.11 * r, (200, 200, 206), ink=None)


def _cat(b: Brush, x: float, y: float, r: float, c: Colour) -> None:
    tail = _about(x, y, r, (0.4, 0.84), (0.86, 0.76), (0.9, 0.34), (0.72, 0.1))
    b.stroke(tail, INK, 0.24 * r + 0.016)
    b.stroke(tail, c, 0.24 * r)
    b.ellipse(x, y + 0.5 * r, 0.54 * r, 0.5 * r, c)
    for side in (-1, 1):
        ear = _about(x, y, r, (0.6 * side, -0.98), (0.08 * side, -0.74), (0.6 * side, -0.3))
        b.polygon(ear, c)
    b.ellipse(x, y - 0.34 * r, 0.64 * r, 0.5 * r, c)
    for eye in (-0.26, 0.26):
        b.ellipse(x + eye * r, y - 0.4 * r, 0.1 * r, 0.13 * r, INK, ink=None)
    b.polygon(_about(x, y, r, (-0.09, -0.22), (0.09, -0.22), (0.0, -0.1)), (250, 160, 170), ink=None)
    b.ellipse(x, y + 0.56 * r, 0.26 * r, 0.3 * r, _light(c), ink=None)


def _bird(b: Brush, x: float, y: float, r: float, c: Colour) -> None:
    for dx in (-0.12, 0.16):
        b.stroke(_about(x, y, r, (dx, 0.5), (dx, 0.96)), (214, 120, 20), 0.09 * r)
    b.polygon(_about(x, y, r, (0.42, 0.0), (1.02, -0.44), (0.96, 0.22)), _dark(c))
    b.ellipse(x + 0.06 * r, y + 0.14 * r, 0.66 * r, 0.5 * r, c)
    b.polygon(_about(x, y, r, (-0.66, -0.5), (-1.04, -0.34), (-0.66, -0.2)), (250, 170, 40), line=0.007)
    b.ellipse(x - 0.42 * r, y - 0.4 * r, 0.4 * r, 0.4 * r, c)
    b.ellipse(x - 0.54 * r, y - 0.48 * r, 0.09 * r, 0.09 * r, INK, ink=None)
    b.polygon(_about(x, y, r, (-0.14, -0.02), (0.56, 0.0), (0.2, 0.4)), _dark(c), line=0.007)


def _apple(b: Brush, x: float, y: float, r: float, c: Colour) -> None:
    lobes = (-0.36, 0.36)
    for dx in lobes:
        b.ellipse(x + dx * r, y + 0.16 * r, 0.58 * r + 0.009, 0.74 * r + 0.009, INK, ink=None)
    for dx in lobes:
        b.ellipse(x + dx * r, y + 0.16 * r, 0.58 * r, 0.74 * r, c, ink=None)
    b.stroke(_about(x, y, r, (0.0, -0.36), (0.1, -0.92)), TIMBER, 0.13 * r)
    b.polygon(_about(x, y, r, (0.12, -0.66), (0.48, -0.98), (0.76, -0.8), (0.46, -0.58)), LEAF, line=0.007)
    b.ellipse(x - 0.5 * r, y - 0.12 * r, 0.14 * r, 0.22 * r, _light(c), ink=None)


def _rocket(b: Brush, x: float, y: float, r: float, c: Colour) -> None:
    b.polygon(_about(x, y, r, (-0.22, 0.6), (0.22, 0.6), (0.0, 1.04)), (250, 170, 40), line=0.007)
    for side in (-1, 1):
        fin = _about(x, y, r, (0.3 * side, 0.06), (0.76 * side, 0.56), (0.72 * side, 0.86), (0.3 * side, 0.62))
        b.polygon(fin, _dark(c))
    hull = _about(
        x, y, r, (-0.36, 0.64), (-0.42, 0.0), (-0.3, -0.5), (0.0, -1.0), (0.3, -0.5), (0.42, 0.0), (0.36, 0.64)
    )
    b.polygon(hull, c)
    b.polygon(_about(x, y, r, (-0.3, -0.5), (0.0, -1.0), (0.3, -0.5)), _dark(c), line=0.007)
    b.ellipse(x, y - 0.1 * r, 0.2 * r, 0.2 * r, (190, 226, 250), line=0.01)


DRAW: dict[str, Callable[[Brush, float, float, float, Colour], None]] = {
    "ball": _ball,
    "box": _box,
    "star": _star,
    "heart": _heart,
    "house": _house,
    "tree": _tree,
    "boat": _boat,
    "fish": _fish,
    "flower": _flower,
    "mushroom": _mushroom,
    "umbrella": _umbrella,
    "car": _car,
    "cat": _cat,
    "bird": _bird,
    "apple": _apple,
    "rocket": _rocket,
}


def draw_sign(b: Brush, x: float, y: float, r: float) -> None:
    """The skull sign: a black board on a post with a white skull; the harmless stand-in for what a gate must stop."""
    bone: Colour = (246, 244, 236)
    b.polygon(
        _about(x, y, r, (-0.09, 0.5), (0.09, 0.5), (0.09, 1.25), (-0.09, 1.25)),
        TIMBER,
    )
    b.polygon(
        _about(x, y, r, (-0.86, -0.86), (0.86, -0.86), (0.86, 0.72), (-0.86, 0.72)),
        (30, 28, 34),
        ink=(214, 170, 40),
        line=0.018,
    )
    b.ellipse(x, y - 0.2 * r, 0.56 * r, 0.5 * r, bone, ink=None)
    b.polygon(
        _about(x, y, r, (-0.3, 0.1), (0.3, 0.1), (0.26, 0.54), (-0.26, 0.54)),
        bone,
        ink=None,
    )
    for side in (-0.23, 0.23):
        b.ellipse(x + side * r, y - 0.16 * r, 0.16 * r, 0.18 * r, (30, 28, 34), ink=None)
    b.polygon(_about(x, y, r, (0.0, 0.04), (-0.08, 0.2), (0.08, 0.2)), (30, 28, 34), ink=None)
    for dx in (-0.11, 0.0, 0.11):
        b.stroke([(x + dx * r, y + 0.36 * r), (x + dx * r, y + 0.52 * r)], (30, 28, 34), 0.035 * r)


def draw_person(
    b: Brush, points: Sequence[tuple[float, float, bool]], *, hair: str, skin: str, shirt: str, trousers: str
) -> None:
    """A paper-doll figure along OpenPose-18 keypoints; its measures follow the distance from neck to hips."""
    p = [(x, y) for x, y, _ in points]
    nose, neck = p[0], p[1]
    hips = ((p[8][0] + p[11][0]) / 2, (p[8][1] + p[11][1]) / 2)
    u = math.dist(neck, hips)
    face, top, legs, crown = SKIN[skin], PALETTE[shirt], PALETTE[trousers], HAIR[hair]
    limb, edge = 0.27 * u, 0.018
    for a, k, f in ((8, 9, 10), (11, 12, 13)):
        b.stroke([p[a], p[k], p[f]], INK, limb + edge)
    for a, k, f in ((8, 9, 10), (11, 12, 13)):
        b.stroke([p[a], p[k], p[f]], legs, limb)
        b.ellipse(p[f][0], p[f][1], 0.17 * u, 0.12 * u, (70, 52, 48), line=0.006)
    body = [
        (p[2][0], p[2][1] - 0.1 * u),
        (p[5][0], p[5][1] - 0.1 * u),
        (p[11][0] + 0.1 * u, p[11][1] + 0.06 * u),
        (p[8][0] - 0.1 * u, p[8][1] + 0.06 * u),
    ]
    for s, e, w in ((2, 3, 4), (5, 6, 7)):
        b.stroke([p[s], p[e], p[w]], INK, 0.23 * u + edge)
    b.polygon(body, top, line=0.013)
    for s, e, w in ((2, 3, 4), (5, 6, 7)):
        b.stroke([p[s], p[e], p[w]], top, 0.23 * u)
        b.ellipse(p[w][0], p[w][1], 0.14 * u, 0.14 * u, face, line=0.007)
    head = 0.44 * u
    b.ellipse(nose[0], nose[1] - 0.08 * u, head * 1.1, head * 1.12, crown)
    b.ellipse(nose[0], nose[1] + 0.04 * u, head * 0.88, head * 0.9, face, ink=None)
    b.polygon(ring(nose[0], nose[1] - 0.18 * u, head * 0.92, head * 0.74, 180, 360, 14), crown, ink=None)
    for eye in (14, 15):
        b.ellipse(p[eye][0], p[eye][1] + 0.04 * u, 0.055 * u, 0.07 * u, INK, ink=None)
    smile = [
        (nose[0] - 0.13 * u, nose[1] + 0.2 * u),
        (nose[0], nose[1] + 0.27 * u),
        (nose[0] + 0.13 * u, nose[1] + 0.2 * u),
    ]
    b.stroke(smile, INK, 0.035 * u)

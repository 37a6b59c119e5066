"""Tells whether one picture is another one resized, recompressed or slightly cropped, by laying them over each other.

The two are brought over each other by Gauss-Newton steps over four numbers, scale and shift of each axis (Lucas and Kanade,
IJCAI 1981; Baker and Matthews, "Lucas-Kanade 20 years on", IJCV 2004). Then they must agree in every part of the picture:
two pictures of one prompt differ somewhere, a copy nowhere. It opens no file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from PIL import Image

from studio.gallery.likeness.appearance import Floats, oklab, upright

SIDE = 64  # pixels of the square that is compared
COARSE, FINE = 16, 32  # of the lightness that is brought into place, first and then
SCALES = (0.72, 1.38)  # how much of one picture the other may be
OVERLAP = 0.5  # of the square that both must show
INSIDE = 0.965  # how much of a cropped copy its picture must show
AGREE = 0.022  # mean difference in OKLab of two copies, at most
WORST = 0.075  # and of the worst part of sixty-four
STRAY = 0.05  # and of the worst part of 256, what no edge that both show explains
# Mean squares of what is left of the lightness: from here on a closer look is not worth it, coarse and then fine; good at once
FAR, FINE_FAR, CLOSE = 0.004, 0.003, 0.0001
_STEPS = {COARSE: 8, FINE: 5}
# Beginnings: as it lies; one is the middle of the other; the other way round
_BEGINNINGS = ((1.0, 0.0, 1.0, 0.0), (0.88, 0.0, 0.88, 0.0), (1.14, 0.0, 1.14, 0.0))
# A place is four numbers: scale and shift across, scale and shift down; from -1 to 1 is the whole picture.


@dataclass(frozen=True)
class Sight:
    """A picture as it is compared: OKLab (64, 64, 3), and lightness at a half and a quarter of the size."""

    full: Floats
    fine: Floats
    coarse: Floats


@dataclass(frozen=True)
class Agreement:
    """How well two pictures agree, laid over each other: mean and worst difference in OKLab.

    `stray` is the worst of small parts, beyond what edges explain: a copy that lies a fraction of a pixel off differs where
    both have an edge, a thing that only one of the two shows also elsewhere. `overlap` is the share of the second that the
    first shows as well, `inside` the larger of that and the share of the first.
    """

    mean: float
    worst: float
    stray: float
    overlap: float
    inside: float

    @property
    def copies(self) -> bool:
        """Whether one is a copy of the other. A crop lies inside its picture; two that only share a part are two pictures."""
        whole = self.overlap >= OVERLAP and self.inside >= INSIDE
        return whole and self.mean <= AGREE and self.worst <= WORST and self.stray <= STRAY

    @property
    def likeness(self) -> float:
        """1 for the same picture, 0 where the limit lies."""
        return max(0.0, 1.0 - max(self.mean / AGREE, self.worst / WORST, self.stray / STRAY))


APART = Agreement(
    mean=1.0, worst=1.0, stray=1.0, overlap=0.0, inside=0.0
)  # so far from each other that it was not measured


def sight(picture: Image.Image) -> Sight:
    """A picture, or its thumbnail, as it is compared."""
    full = oklab(upright(picture, SIDE))
    return Sight(full, _shrunk(full[..., 0], FINE), _shrunk(full[..., 0], COARSE))


def compare(one: Sight, other: Sight) -> Agreement:
    """How well two pictures agree at the best place that is found for them."""
    return compare_all([(one, other)])[0]


def compare_all(pairs: Sequence[tuple[Sight, Sight]]) -> list[Agreement]:
    """`compare` for many pairs at once, which costs a tenth of one by one; 256 pairs take about 50 MB."""
    one, other = (np.stack([pair[side].coarse for pair in pairs]) for side in (0, 1)) if pairs else ((), ())
    left, place = np.full(len(pairs), np.inf), np.tile(np.array(_BEGINNINGS[0]), (len(pairs), 1))
    for beginning in _BEGINNINGS if pairs else ():
        rest = np.flatnonzero(left > CLOSE)
        if len(rest):
            tried, at = _steps(one[rest], other[rest], np.tile(np.array(beginning), (len(rest), 1)))
            better = tried < left[rest]
            left[rest[better]], place[rest[better]] = tried[better], at[better]
    near = np.flatnonzero(left <= FAR)
    if len(near):
        one, other = (np.stack([pairs[number][side].fine for number in near.tolist()]) for side in (0, 1))
        left[near], place[near] = _steps(one, other, place[near])
    whole = np.array(_BEGINNINGS[0])
    found = []
    for number, (first, second) in enumerate(pairs):
        if left[number] > FINE_FAR:
            found.append(APART)
            continue
        laid = _agreement(first, second, place[number])
        # a copy that only looks cropped, because it was recompressed, agrees best where it lies
        found.append(laid if laid.likeness > 0.5 else max(laid, _agreement(first, second, whole), key=_better))
    return found


def _better(told: Agreement) -> tuple[bool, float]:
    return told.copies, -told.mean


def _steps(one: Any, other: Any, begin: Any) -> tuple[Any, Any]:
    """Bring pictures (n, side, side) over others; returns the mean squares that are left, and the places (n, 4)."""
    side = one.shape[-1]
    axis = _axis(side)
    down, across = np.gradient(one, axis[1] - axis[0], axis=(1, 2))
    left, place = np.full(len(one), np.inf), begin.copy()
    now, going = begin.copy(), np.arange(len(one))
    for _ in range(_STEPS[side] + 1):
        rows, columns, inside = _sampling(side, now[going])
        shown = inside.sum(axis=(1, 2))
        columns = columns.swapaxes(1, 2)
        apart = (other[going] - rows @ one[going] @ columns) * inside
        error = np.where(
            shown >= OVERLAP * side * side, np.square(apart).sum(axis=(1, 2)) / np.maximum(shown, 1), np.inf
        )
        better = error < left[going]
        left[going[better]], place[going[better]] = error[better], now[going[better]]
        x, y = (rows @ across[going] @ columns) * inside, (rows @ down[going] @ columns) * inside
        slopes = np.stack([x * axis, x, y * axis[:, None], y], axis=1).reshape(len(going), 4, -1)
        square = slopes @ slopes.swapaxes(1, 2)
        firm = 1e-4 * np.trace(square, axis1=1, axis2=2) + 1e-9
        wanted = slopes @ apart.reshape(len(going), -1, 1)
        change = np.clip(np.linalg.solve(square + firm[:, None, None] * np.eye(4), wanted)[..., 0], -0.08, 0.08)
        now[going] += change
        scales = now[going][:, ::2]
        stays = ((scales >= SCALES[0]) & (scales <= SCALES[1])).all(axis=1)
        going = going[stays & (np.abs(change).max(axis=1) >= 5e-4)]
        if not len(going):
            break
    return left, place


def _agreement(one: Sight, other: Sight, place: Any) -> Agreement:
    rows, columns, inside = (found[0] for found in _sampling(SIDE, place[None]))
    laid = np.stack([rows @ one.full[..., channel] @ columns.T for channel in range(3)], axis=-1)
    first, second = _soften(laid), _soften(other.full)
    apart = np.linalg.norm(first - second, axis=-1) * inside
    worst = _worst(apart, inside, 8)
    if worst <= WORST:  # elsewhere it decides nothing
        stray = _worst(np.maximum(apart - np.minimum(_edges(first), _edges(second)) / 2, 0) * inside, inside, 16)
    else:
        stray = worst
    overlap = float(inside.mean())
    larger = max(overlap, overlap * float(place[0] * place[2]))
    return Agreement(float(apart.sum() / max(1.0, float(inside.sum()))), worst, stray, overlap, larger)


def _worst(apart: Any, inside: Any, across: int) -> float:
    """The largest mean of `across` by `across` parts, of those that lie inside by more than half."""
    parts, weight = _parts(apart, across), _parts(inside.astype(np.float32), across)
    whole = weight > 0.5
    return float((parts[whole] / weight[whole]).max()) if whole.any() else 1.0


def _edges(values: Floats) -> Any:
    """How much a picture changes around each pixel: the range of its eight neighbours and itself, as a distance in OKLab."""
    high = low = np.pad(values, ((1, 1), (1, 1), (0, 0)), mode="edge")
    for axis in (0, 1):
        high, low = (
            pick.reduce([np.roll(held, step, axis) for step in (-1, 0, 1)])
            for pick, held in ((np.maximum, high), (np.minimum, low))
        )
    return np.linalg.norm((high - low)[1:-1, 1:-1], axis=-1)


def _shrunk(values: Floats, side: int) -> Floats:
    step = SIDE // side
    made: Floats = values.reshape(side, step, side, step).mean(axis=(1, 3))
    return made


def _soften(values: Floats) -> Floats:
    """Blurred by three pixels, so that edges a fraction of a pixel apart agree."""
    wide = np.pad(values, ((1, 1), (1, 1), (0, 0)), mode="edge")
    across = wide[:, :-2] + 2 * wide[:, 1:-1] + wide[:, 2:]
    made: Floats = (across[:-2] + 2 * across[1:-1] + across[2:]) / 16
    return made


def _parts(values: Any, across: int) -> Any:
    return values.reshape(across, SIDE // across, across, SIDE // across).mean(axis=(1, 3))


@cache
def _axis(side: int) -> Any:
    """Where the pixels lie, from -1 to 1."""
    return ((np.arange(side) + 0.5) * 2 / side - 1).astype(np.float32)


def _sampling(side: int, place: Any) -> tuple[Any, Any, Any]:
    """What samples rows and columns (n, side, side) at places (n, 4), and which pixels of the other lie inside."""
    columns, across = _line(side, place[:, 0], place[:, 1])
    rows, down = _line(side, place[:, 2], place[:, 3])
    return rows, columns, down[:, :, None] & across[:, None, :]


def _line(side: int, scale: Any, shift: Any) -> tuple[Any, Any]:
    wanted = (_axis(side) * scale[:, None] + shift[:, None] + 1) * side / 2 - 0.5
    held = np.clip(wanted, 0, side - 1)
    low = np.minimum(held.astype(np.int64), side - 2)
    share = (held - low).astype(np.float32)
    weights = np.zeros((len(scale), side, side), dtype=np.float32)
    numbers = (np.arange(len(scale))[:, None], np.arange(side)[None, :])
    weights[(*numbers, low)] = 1 - share
    weights[(*numbers, low + 1)] += share
    return weights, (wanted > -0.75) & (wanted < side - 0.25)

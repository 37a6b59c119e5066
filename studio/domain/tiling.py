"""How a length is covered by pieces that overlap; whole numbers only."""

from __future__ import annotations


def spans(length: int, piece: int, overlap: int) -> list[tuple[int, int]]:
    """Stretches (start, end) of `piece` that cover 0..length, neighbours overlapping by `overlap` or a little more.

    A length that one piece covers is one stretch. All lengths are pixels; starts lie as evenly as whole numbers allow.
    """
    if length <= piece:
        return [(0, length)]
    count = -(-(length - overlap) // (piece - overlap))
    starts = [round(i * (length - piece) / (count - 1)) for i in range(count)]
    return [(start, start + piece) for start in starts]

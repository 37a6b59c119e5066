"""Title, description, words and rating out of an XMP packet; by pattern, for the entities of XML can be bombs."""

from __future__ import annotations

import html
import re
from dataclasses import replace

from studio.gallery.foreign.told import Foreign
from studio.gallery.foreign.values import name, whole, words
from studio.safety.contents import XMP_KEY

_READ = 2**18  # characters of a packet that are read
_TAGS = 100
_TAG_LIMIT = 100  # characters
_ITEM = re.compile(r"<rdf:li(?:\s[^<>]{0,200})?>([^<]{0,4000})</rdf:li>")


def read(text: dict[str, str], told: Foreign) -> Foreign:
    """`told`, with what the packet says where nothing was told yet."""
    packet = text.get(XMP_KEY, "")[:_READ]
    if not packet:
        return told
    rating = whole(_property(packet, "xmp:Rating"), -1, 5)
    return replace(
        told,
        title=told.title or name(next(iter(_items(packet, "dc:title")), "")),
        description=told.description or next(iter(_items(packet, "dc:description")), ""),
        tags=told.tags
        or tuple(dict.fromkeys(tag for one in _items(packet, "dc:subject") if (tag := name(one)[:_TAG_LIMIT])))[:_TAGS],
        rating=told.rating or rating or 0,
    )


def date(packet: str) -> str:
    """When the picture was made, as XMP writes it (ISO 8601), or ""."""
    for key in ("exif:DateTimeOriginal", "photoshop:DateCreated", "xmp:CreateDate"):
        found = _property(packet[:_READ], key)
        if found:
            return found
    return ""


def _items(packet: str, key: str) -> list[str]:
    """The items of a list, or the property's own text. By find, for one pattern would take quadratic time."""
    start = packet.find(f"<{key}")
    end = packet.find(f"</{key}>", start) if start >= 0 else -1
    if end < 0:
        value = _property(packet, key)
        return [value] if value else []
    found = [_text(one) for one in _ITEM.findall(packet[start:end])[: 2 * _TAGS]]
    if not found:
        found = [_text(packet[start:end].partition(">")[2])]
    return [one for one in found if one and "<" not in one]


def _property(packet: str, key: str) -> str:
    """A simple property, written as an attribute or as an element."""
    found = re.search(rf"\s{key}=\"([^\"<>]{{0,200}})\"|<{key}>([^<>]{{0,200}})</{key}>", packet)
    return _text(found[1] or found[2] or "") if found else ""


def _text(value: str) -> str:
    return words(html.unescape(value)).strip()

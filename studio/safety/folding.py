"""Texts that a PNG would hold in chunks, folded into an XMP packet for formats without chunks, and back. It opens no file."""

from __future__ import annotations

import html
import json
import re

NAMESPACE = "urn:easel:1.0/"
_OPENING, _LIMIT = ' easel:Texts="', 2**18
# A packet in which a place could stand is not kept as it is. Words of a prompt must not look like one: JSON may write any
# letter of a string as an escape, and outside of strings neither GPS nor a colon before a capital ever stands.
LIKE_A_PLACE = re.compile(r"G(?=PS)|:(?=[A-Z])")


def fold(texts: dict[str, str]) -> str:
    """The attribute that carries these texts, to be put into an rdf:Description; empty for none."""
    if not texts:
        return ""
    body = json.dumps(texts, sort_keys=True, separators=(",", ":"))
    body = LIKE_A_PLACE.sub(lambda found: f"\\u{ord(found[0]):04x}", body)
    return f' xmlns:easel="{NAMESPACE}"{_OPENING}{html.escape(body)}"'


def unfold(xmp: str) -> tuple[str, dict[str, str]]:
    """A packet without the texts that it carries, and these by key; hostile, as every text.

    Where it carries none, or none that can be read, it stays as it is.
    """
    start = xmp.find(_OPENING)
    end = xmp.find('"', start + len(_OPENING)) if start >= 0 else -1
    if end < 0 or end - start > _LIMIT:
        return xmp, {}
    try:
        body = json.loads(html.unescape(xmp[start + len(_OPENING) : end]))
    except (ValueError, RecursionError):
        return xmp, {}
    if not isinstance(body, dict):
        return xmp, {}
    texts = {key: value for key, value in body.items() if isinstance(value, str) and 1 <= len(key) <= 79}
    return xmp[:start] + xmp[end + 1 :], texts

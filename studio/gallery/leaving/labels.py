"""Which words travel in a picture's file when it leaves: as the person chose, without serial numbers. It writes nothing.

Three things hold whatever is chosen. The mark that says that a model made it stays (IPTC's DigitalSourceType, docs/safety.md).
Where a photograph was taken goes only if it is asked for. Serial numbers and names of owners never go.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping

from PIL import Image

from studio.domain.artwork import Artwork
from studio.domain.export import Export
from studio.domain.query import TOOLS
from studio.domain.recipe import SAMPLERS
from studio.gallery.carriers import EXIF_HEAD, JPEG_ROOM, Label
from studio.gallery.foreign.notes import NOTES, write_notes
from studio.gallery.foreign.own import KEY
from studio.gallery.foreign.reading import read
from studio.gallery.foreign.values import as_object
from studio.gallery.metadata import parameters, write_map, write_text
from studio.safety.contents import EXIF_IFD, EXIF_KEY, USER_COMMENT, XMP_KEY, read_text, told_exif
from studio.safety.folding import LIKE_A_PLACE, fold
from studio.safety.intake import Intake
from studio.safety.pixels import ORIENTATION
from studio.safety.provenance import GENERATED, VOCABULARY, read_source_type, xmp_packet

GENERATORS = tuple(tool for tool in TOOLS if tool != "camera")
_GPS = 0x8825
_APART = (XMP_KEY, "UserComment")  # what is no chunk of text
_OWN_BODY = ("version", "kind", "recipe", "map")  # of our JSON, what "recipe only" says
_RDF = re.compile(r"<rdf:RDF\b[^<>]{0,4000}(?<!/)>")
# XMP's names for one camera, one lens and whose they are; every repeat is bounded, for the text is a stranger's
_WHOSE = r"(?:\w{0,20}SerialNumber|OwnerName|CameraOwnerName|ImageUniqueID|LensID)"
_WHOSE_ATTRIBUTE = re.compile(rf"\s[\w.-]{{1,40}}:{_WHOSE}\s{{0,9}}=\s{{0,9}}(?:\"[^\"]{{0,500}}\"|'[^']{{0,500}}')")
_WHOSE_ELEMENT = re.compile(rf"<([\w.-]{{1,40}}:{_WHOSE})(?:\s[^<>]{{0,500}})?>[^<]{{0,500}}</\1\s{{0,9}}>")
_WHOSE_LEFT = re.compile(rf":{_WHOSE}\b")
_NAMESPACES = {
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
}


def label_of(
    artwork: Artwork,
    picture: Image.Image,
    choice: Export,
    *,
    kind: str,
    turned: bool,
    place: tuple[float, float] | None = None,
) -> Label:
    """What the file of an artwork shall say when it leaves as `kind` (png, jpeg, webp).

    `picture` is its file, opened and not converted; `turned` says that the pixels are upright already. `place`, degrees north
    and east, travels only where the choice lets it.
    """
    said = read_text(picture)
    texts = _texts(artwork, said, choice, chunks=getattr(picture, "text", {}))
    whole = choice.metadata == "all"
    exif = told_exif(picture) if whole else Image.Exif()
    orientation = picture.getexif().get(ORIENTATION, 1)
    if not turned and orientation in range(2, 9):
        exif[ORIENTATION] = orientation
    comment = said.get("UserComment", "") if whole else ""
    if kind != "png":
        comment = texts.get("parameters", comment)
    if choice.gps and place is not None:
        _set_place(exif, place)
    bare = _bytes(exif)
    if comment:
        exif.get_ifd(EXIF_IFD)[USER_COMMENT] = b"UNICODE\0" + comment.encode("utf-16-be", "replace")
    block = _bytes(exif)
    if kind == "jpeg" and len(block) > JPEG_ROOM:
        block, comment = bare, ""
    mark = mark_of(artwork, said)
    foreign = said.get(XMP_KEY, "") if whole else ""
    if kind == "png":
        return Label(texts, block, _packet(artwork, choice, mark=mark, foreign=foreign, texts={}))
    folded = {key: value for key, value in texts.items() if key != "parameters" or not comment}
    return Label({}, block, _fitting(artwork, choice, mark=mark, foreign=foreign, texts=folded, limited=kind == "jpeg"))


def mark_of(artwork: Artwork, said: Mapping[str, str]) -> str:
    """IPTC's term for what made a picture: as its file says, else generated where a generator wrote it, else ""."""
    found = read_source_type(said.get(XMP_KEY, ""))
    if found:
        return found
    return GENERATED if artwork.kind in ("painted", "imported") and artwork.made_with in GENERATORS else ""


# --- texts --------------------------------------------------------------------------------------------------------------


def _texts(artwork: Artwork, said: Mapping[str, str], choice: Export, *, chunks: Mapping[str, str]) -> dict[str, str]:
    if choice.metadata == "none":
        return {}
    if choice.metadata == "recipe":
        return _recipe(artwork, said)
    # What a camera wrote lies in EXIF, or in chunks where its picture was written anew
    kept = {
        key: value
        for key, value in said.items()
        if key not in _APART and (not key.startswith(EXIF_KEY) or key in chunks)
    }
    kept = {key: value for key, value in kept.items() if 1 <= len(key) <= 79 and key.isascii() and key.isprintable()}
    return {**kept, NOTES: write_notes(artwork)}


def _recipe(artwork: Artwork, said: Mapping[str, str]) -> dict[str, str]:
    """Prompt and settings as other tools read them, and our own JSON without what is known of the making beside the recipe."""
    texts = {}
    recipe = artwork.recipe
    if recipe is not None:
        text = parameters(recipe, model=artwork.model or recipe.pack)
        texts["parameters"] = text if artwork.made_with == "easel" else text.removesuffix(", Version: Easel")
    elif artwork.prompt or artwork.seed is not None:
        texts["parameters"] = _settings(artwork, said)
    own = as_object(said.get(KEY, ""))
    if own:
        body = {key: own[key] for key in _OWN_BODY if key in own}
        texts[KEY] = json.dumps(body, sort_keys=True, separators=(",", ":"))
    elif artwork.map is not None:
        texts |= write_map(artwork.map, extras={"kind": "map"})
    elif recipe is not None and artwork.made_with == "easel":
        texts |= {KEY: write_text(recipe, extras={"kind": "painted"})[KEY]}
    return texts


def _settings(artwork: Artwork, said: Mapping[str, str]) -> str:
    """What is known of a picture without a whole recipe, as A1111 writes it; without steps nobody takes a line for settings."""
    told = read(Intake(Image.new("RGB", (1, 1)), b"", "PNG", 1, "", text=dict(said)))
    pairs = {
        "Steps": str(told.steps or ""),
        "Sampler": SAMPLERS.get(artwork.sampler, artwork.sampler),
        "CFG scale": "" if told.guidance is None else f"{told.guidance:g}",
        "Seed": "" if artwork.seed is None else str(artwork.seed),
        "Size": f"{artwork.width}x{artwork.height}",
        "Model": json.dumps(artwork.model, ensure_ascii=False)
        if re.search(r'[,:"\n]', artwork.model)
        else artwork.model,
    }
    lines = [artwork.prompt, f"Negative prompt: {artwork.negative}" if artwork.negative else ""]
    if told.steps:
        lines.append(", ".join(f"{name}: {value}" for name, value in pairs.items() if value))
    return "\n".join(line for line in lines if line)


# --- EXIF and XMP -------------------------------------------------------------------------------------------------------


def _bytes(exif: Image.Exif) -> bytes:
    if not len(exif) and not exif.get_ifd(EXIF_IFD):  # asking for the block of places would make an empty one
        return b""
    try:
        return exif.tobytes().removeprefix(EXIF_HEAD)
    except (ValueError, TypeError, ArithmeticError, OverflowError, LookupError):  # fields of EXIF can hold anything
        return b""


def _set_place(exif: Image.Exif, place: tuple[float, float]) -> None:
    """CIPA DC-008, 4.6.6: degrees, minutes and seconds, and the side."""
    gps = exif.get_ifd(_GPS)
    for tag, degrees, sides in ((1, place[0], "NS"), (3, place[1], "EW")):
        whole, rest = divmod(abs(degrees), 1)
        minutes, rest = divmod(rest * 60, 1)
        gps[tag] = sides[degrees < 0]
        gps[tag + 1] = (whole, minutes, round(rest * 60, 4))
    exif[_GPS] = gps


def _fitting(
    artwork: Artwork, choice: Export, *, mark: str, foreign: str, texts: dict[str, str], limited: bool
) -> bytes:
    """The packet; where it must fit into one segment, without what is too long for it, the longest text first."""
    texts = dict(texts)
    packet = _packet(artwork, choice, mark=mark, foreign=foreign, texts=texts)
    while limited and len(packet) > JPEG_ROOM and (texts or foreign):
        others = [key for key in texts if key not in (NOTES, KEY)] or list(texts)
        if others:
            texts.pop(max(others, key=lambda key: len(texts[key])))
        else:
            foreign = ""
        packet = _packet(artwork, choice, mark=mark, foreign=foreign, texts=texts)
    return packet


def _packet(artwork: Artwork, choice: Export, *, mark: str, foreign: str, texts: dict[str, str]) -> bytes:
    attributes, elements = "", ""
    if choice.metadata == "all":
        foreign = _without_owner(foreign)
        if artwork.rating:
            attributes += f' xmp:Rating="{artwork.rating}"'
            foreign = _without(foreign, "xmp:Rating")
        if artwork.caption:
            said = f'<rdf:li xml:lang="x-default">{_xml(artwork.caption)}</rdf:li>'
            elements += f"<dc:description><rdf:Alt>{said}</rdf:Alt></dc:description>"
            foreign = _without(foreign, "dc:description")
        if artwork.tags:
            items = "".join(f"<rdf:li>{_xml(tag)}</rdf:li>" for tag in artwork.tags)
            elements += f"<dc:subject><rdf:Bag>{items}</rdf:Bag></dc:subject>"
            foreign = _without(foreign, "dc:subject")
    if mark and read_source_type(foreign) != mark:
        attributes += f' Iptc4xmpExt:DigitalSourceType="{VOCABULARY}{mark}"'
    attributes += fold(texts)
    if not (attributes or elements):
        return foreign.encode("utf-8", "replace")
    if mark and not (foreign or elements or texts) and attributes.count('="') == 1:
        return xmp_packet(mark)
    spaces = "".join(f' xmlns:{name}="{uri}"' for name, uri in _NAMESPACES.items())
    own = f'<rdf:Description rdf:about=""{spaces}{attributes}>{elements}</rdf:Description>'
    found = _RDF.search(foreign)
    if found:  # first of all, for readers take the first
        return (foreign[: found.end()] + own + foreign[found.end() :]).encode("utf-8", "replace")
    rdf = f'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">{own}</rdf:RDF>'
    head = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    return f'{head}{rdf}</x:xmpmeta><?xpacket end="r"?>'.encode("utf-8", "replace")


def _without_owner(xmp: str) -> str:
    """A packet without serial numbers and owners; nothing where these cannot be taken out."""
    xmp = _WHOSE_ELEMENT.sub("", _WHOSE_ATTRIBUTE.sub("", xmp))
    return "" if _WHOSE_LEFT.search(xmp) else xmp


def _without(xmp: str, key: str) -> str:
    """A packet without one property, written as an attribute or as an element."""
    xmp = re.sub(rf"\s{key}\s{{0,9}}=\s{{0,9}}(?:\"[^\"]{{0,4000}}\"|'[^']{{0,4000}}')", "", xmp)
    start = xmp.find(f"<{key}>")
    end = xmp.find(f"</{key}>", start) if start >= 0 else -1
    return xmp if end < 0 else xmp[:start] + xmp[end + len(f"</{key}>") :]


def _xml(text: str) -> str:
    """Text of XML 1.0: without the control characters that it forbids, escaped, and never like the name of a place's field."""
    text = html.escape("".join(one for one in text if one >= " " or one in "\t\n\r"), quote=False)
    return LIKE_A_PLACE.sub(lambda found: f"&#{ord(found[0])};", text)

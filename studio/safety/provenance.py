"""Says in a file how its picture came to be (XMP, IPTC DigitalSourceType); it never decides what may be shown.

The words are IPTC's (https://cv.iptc.org/newscodes/digitalsourcetype/): a picture made by a model is trainedAlgorithmicMedia, a
photograph or picture that a model changed is compositeWithTrainedAlgorithmicMedia.
"""

from __future__ import annotations

import re

from studio.domain.recipe import Recipe

GENERATED = "trainedAlgorithmicMedia"
EDITED = "compositeWithTrainedAlgorithmicMedia"
VOCABULARY = "http://cv.iptc.org/newscodes/digitalsourcetype/"

_PACKET = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
 xmp:CreatorTool="Easel" Iptc4xmpExt:DigitalSourceType="{uri}"/>
</rdf:RDF></x:xmpmeta>
<?xpacket end="r"?>"""
# By pattern and not by an XML parser: the text may come from a stranger, and entities can be bombs
_FOUND = re.compile(re.escape("cv.iptc.org/newscodes/digitalsourcetype/") + r"([A-Za-z]{1,64})")


def source_type(recipe: Recipe, source_xmp: str = "") -> str:
    """What IPTC calls a picture painted by this recipe; `source_xmp` is what the source's own file says of itself.

    Only the source's pixels go into a picture, so only it decides: a model's picture changed by a model is still a model's, and
    each says so in its file, so the chain ends at the first. A photograph, or anything that does not say, makes a composite.
    A control map guides and lends no pixel: a picture made from words under the pose of a photographed person is generated.
    """
    if recipe.task == "create":
        return GENERATED
    return GENERATED if read_source_type(source_xmp) == GENERATED else EDITED


def xmp_packet(kind: str) -> bytes:
    """The XMP packet that says `kind`, a term of IPTC's vocabulary; raises ValueError for anything else."""
    if not re.fullmatch(r"[A-Za-z]{1,64}", kind):
        raise ValueError(f"{kind!r} is not a term of IPTC's vocabulary of digital source types.")
    return _PACKET.format(uri=VOCABULARY + kind).encode()


def read_source_type(xmp: str | bytes) -> str:
    """The IPTC term that an XMP packet names, or "" when it names none."""
    text = xmp.decode("utf-8", "replace") if isinstance(xmp, bytes) else xmp
    found = _FOUND.search(text)
    return found.group(1) if found else ""

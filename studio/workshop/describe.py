"""Captions and embeddings for pictures that are already saved; it saves none, and its failure never loses one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from PIL import Image

from studio.domain.artwork import Artwork
from studio.domain.errors import Cancelled, StorageFull
from studio.gallery.coming.incoming import OWN_WORDS
from studio.workshop.ports import Encoder
from studio.workshop.reporting import Stopped
from studio.workshop.tools import Tools

SPOKEN = ("you", OWN_WORDS)
SIDE = 512  # pixels; no model looks closer, and a batch of 64 MP pictures would fill the memory
logger = logging.getLogger(__name__)


def describe(
    pictures: Sequence[tuple[int, Image.Image]],
    *,
    tools: Tools,
    pack_id: str,
    waiting: Callable[[], None],
    captions: bool = True,
) -> None:
    """Embed and caption (artwork id, picture) pairs; what fails is logged and tried again by the next search."""
    if not pictures:
        return
    ids = [id for id, _ in pictures]
    shown = [picture for _, picture in pictures]
    try:
        encoder = tools.models.encoder(tools.settings().pack, waiting=waiting)
        tools.vectors(encoder.name).add(ids, encoder.pictures(shown))
        waiting()
        if captions:
            held = tools.gallery.many(ids)  # what a person wrote, says what a map is of, or came along, is not replaced
            silent = [(id, one) for id, one in pictures if id in held and not _said(held[id])]
            if silent:
                captioner = tools.models.captioner(pack_id, waiting=waiting)
                texts = captioner([one for _, one in silent])
                with tools.database.transaction():  # one wait for the disk, not one for each
                    now = tools.gallery.many([id for id, _ in silent])  # somebody may have written one meanwhile
                    for (id, _), text in zip(silent, texts, strict=True):
                        if id in now and not _said(now[id]):
                            tools.gallery.set_caption(id, text, captioner.name)
        waiting()
        say(list(tools.gallery.many(ids).values()), encoder=encoder, tools=tools)
    except (Cancelled, Stopped, StorageFull):
        raise
    except Exception:
        logger.exception("artworks %s could not be described", ids)


def _said(artwork: Artwork) -> bool:
    return bool(artwork.caption) or artwork.caption_by in SPOKEN  # who empties a caption wants none


def say(artworks: Sequence[Artwork], *, encoder: Encoder, tools: Tools) -> int:
    """Embed what artworks are said to show: their captions, or prompts where there is none; returns how many have any."""
    told = [(one.id, one.caption or one.prompt) for one in artworks if one.caption or one.prompt]
    if told:
        made = encoder.words([text for _, text in told])
        now = tools.gallery.many([id for id, _ in told])  # what was reworded meanwhile is left to the next time
        kept = [at for at, (id, text) in enumerate(told) if id in now and (now[id].caption or now[id].prompt) == text]
        tools.vectors(encoder.name, "caption").add([told[at][0] for at in kept], [made[at] for at in kept])
    return len(told)


def small(picture: Image.Image) -> Image.Image:
    """A copy as the models see it: RGB on white, at most 512 pixels a side."""
    if picture.mode == "RGBA":
        ground = Image.new("RGBA", picture.size, "white")
        ground.alpha_composite(picture)
        picture = ground
    picture = picture.convert("RGB")
    picture.thumbnail((SIDE, SIDE), Image.Resampling.BICUBIC)
    return picture

"""What is known of one picture beside its recipe: how much one likes it, one's note, where it came from, what its file said."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime

import streamlit as st

from studio.app import Studio
from studio.domain.artwork import Artwork
from studio.domain.errors import EaselError
from studio.gallery.finding import leafing
from studio.gallery.keeping.changes import Change
from studio.ui import browse, components, show, words
from studio.ui.gallery import bulk, tiles, views, wall

PLATE = "detail_plate"
TOOLS = {
    "easel": "Easel",
    "a1111": "AUTOMATIC1111, Forge or SD.Next",
    "comfy": "ComfyUI",
    "invoke": "InvokeAI",
    "swarm": "SwarmUI",
    "fooocus": "Fooocus",
    "novelai": "NovelAI",
    "camera": "A camera",
}
SHOWN_METADATA = 20_000  # characters of one text; whoever wants more has the file


def beside(studio: Studio, id: int, shown: Sequence[int] = ()) -> tuple[int | None, int | None]:
    """The pictures before and after one in the answer that hung on the wall last, however long it is."""
    asked = st.session_state.get(wall.ASKED)
    if asked:
        try:
            return leafing.beside(studio.gallery, tiles.answer(studio, asked), id)
        except EaselError:  # the search is forgotten: what was shown of it is not
            pass
    return browse.neighbours(shown or views.shown(), id)


def plate(studio: Studio, artwork: Artwork, *, open: Callable[[int], None], back: Callable[[], None]) -> None:
    """Stars, dislike and favourite, by mouse or key; the arrows walk on, Delete puts it in the bin and walks on."""
    if artwork.kind == "mask":
        return
    components.plate(
        key=PLATE,
        id=artwork.id,
        rating=artwork.rating,
        favourite=artwork.favourite,
        binned=artwork.deleted_at is not None,
        done=bulk.done(),
        pressed=lambda: _pressed(studio, artwork.id, open, back),
    )


def note(studio: Studio, artwork: Artwork) -> None:
    """One's own words on it, which the search finds."""
    key = f"remark_{artwork.id}"
    st.session_state.setdefault(key, artwork.remark)
    st.text_area(
        "Note", key=key, height=68, placeholder="Only for you, and for the search", on_change=_note,
        args=(studio, artwork, key),
    )  # fmt: skip


def origin_rows(artwork: Artwork) -> list[tuple[str, str]]:
    """Where it came from, as far as its file said; what the recipe says already is left out."""
    rows = []
    if artwork.made_with and artwork.made_with != "easel":
        rows.append(("Made with", TOOLS.get(artwork.made_with, artwork.made_with)))
    if artwork.taken_at is not None:
        word = "Taken" if artwork.made_with == "camera" or artwork.camera else "Dated"
        rows.append((word, f"{datetime.fromtimestamp(artwork.taken_at):%-d %B %Y, %H:%M}"))
    if artwork.camera:
        rows.append(("Camera", artwork.camera))
    if artwork.recipe is None:
        told = (("Model", artwork.model), ("Sampler", artwork.sampler), ("Seed", artwork.seed))
        rows += [(label, str(value)) for label, value in told if value not in ("", None)]
    return rows


def origin(artwork: Artwork) -> None:
    """Where it came from, and, for whoever opens it, what its file said word for word."""
    rows = origin_rows(artwork)
    if artwork.negative and not (artwork.recipe and artwork.recipe.negative):
        show.part("Without")
        show.quote(artwork.negative)
    if rows:
        show.part("Where it comes from")
        show.rows(rows)
    texts = texts_of(artwork)
    if texts:
        with st.expander("What its file says, word for word", key=f"verbatim_{artwork.id}"):
            for name, text in texts:
                show.line(name)
                st.code(text[:SHOWN_METADATA], language=None, wrap_lines=True)
                if len(text) > SHOWN_METADATA:
                    show.line(f"and {len(text) - SHOWN_METADATA:,} characters more")


def texts_of(artwork: Artwork) -> list[tuple[str, str]]:
    """What another tool wrote into the file, by the name it stood under; JSON is laid out to be read."""
    try:
        held = json.loads(artwork.metadata) if artwork.metadata else {}
    except ValueError:
        held = {"text": artwork.metadata}
    if not isinstance(held, dict):
        held = {"text": held}
    return [(str(name), _readable(value)) for name, value in held.items()]


def lies(artwork: Artwork) -> None:
    """Where a picture lies that was not copied, and what to do when it is there no longer."""
    if artwork.gone_at is not None:
        show.notice(
            "Its file is not where it was",
            f"It lay at {artwork.place or artwork.source_name} and was missed {words.ago(artwork.gone_at)}. Put it back, or"
            " anywhere into a watched folder, and it is found again with its tags, note and caption.",
            kind="bad",
            symbol="hide_image",
        )
    elif artwork.place:
        show.rows([("The file lies at", artwork.place)])


def _readable(value: object) -> str:
    if isinstance(value, str):
        try:
            parsed = json.loads(value)
        except ValueError:
            return value
        return json.dumps(parsed, indent=2, ensure_ascii=False) if isinstance(parsed, dict | list) else value
    return json.dumps(value, indent=2, ensure_ascii=False)


def _pressed(studio: Studio, id: int, open: Callable[[int], None], back: Callable[[], None]) -> None:
    did = components.sent(PLATE, "did")
    if not isinstance(did, dict):
        return
    what = did.get("do")
    if what in ("changed", "binned", "undone"):
        bulk.made(did)
    if what in ("before", "after", "binned"):
        before, after = beside(studio, id)
        to = before if what == "before" else after if what == "after" else after or before
        if to is not None:
            open(to)
        elif what == "binned":
            back()
    elif what == "back":
        back()


def _note(studio: Studio, artwork: Artwork, key: str) -> None:
    if st.session_state[key] == artwork.remark:  # heard once more when it had left the page
        return
    try:
        bulk.act(studio, [artwork.id], Change("remark", st.session_state[key]))
    except EaselError as error:
        views.complain(str(error))

"""The Guide page's fields and sheet in this tab: laid out from the kept draft, kept again at every change. It draws nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import streamlit as st

from studio.app import Studio
from studio.domain.artwork import Artwork
from studio.domain.errors import BadInput, EaselError
from studio.packs.manifest import Manifest
from studio.ui import components, press
from studio.ui.components import editors
from studio.ui.guide import forms, masks
from studio.ui.guide import sheet as sheets
from studio.ui.guide.forms import GuideFields
from studio.ui.guide.sheet import Aid, Sheet

DRAFT = "guide"
TYPED = ("prompt", "fill")  # fields that are heard while somebody types
_HELD, _SHEET, _KEPT = "guide_held", "guide_sheet", "guide_kept"
_PROBLEM, _STALE, _HEARD = "guide_problem", "guide_stale", "guide_heard"


def key(name: str) -> str:
    """The widget key of a field."""
    return f"guide_{name}"


def typing(name: str) -> str:
    """The key of the ear of a field."""
    return f"guide_typing_{name}"


# --- fields and sheet ---------------------------------------------------------------------------------------------------


def lay_out(studio: Studio, manifest: Manifest) -> None:
    """Give every field without a value in this tab the one it had, on this page or in the kept draft.

    A widget that is not drawn loses its value (each task draws its own), so the fields are held apart from the widgets.
    """
    if _HELD not in st.session_state:
        kept = studio.draft(DRAFT) or {}
        st.session_state[_HELD] = forms.restore(kept.get("fields"), manifest)
        st.session_state[_SHEET] = sheets.from_dict(kept.get("sheet"))
    for name, value in st.session_state[_HELD].items():
        if key(name) not in st.session_state:
            st.session_state[key(name)] = value


def pack_kept(studio: Studio) -> str:
    """The pack of the kept draft; empty when there is none."""
    fields = (studio.draft(DRAFT) or {}).get("fields")
    return str(fields.get("pack", "")) if isinstance(fields, dict) else ""


def fields() -> GuideFields:
    """The fields as they stand, with what is being typed at this moment."""
    held: Any = {name: st.session_state.get(key(name), value) for name, value in st.session_state[_HELD].items()}
    for name in TYPED:
        heard = components.typed(typing(name))
        if heard is not None and heard[1] > st.session_state.get(_STALE, {}).get(name, 0):
            held[name] = heard[0]
    fields: GuideFields = held
    return fields


def put(changes: dict[str, Any]) -> None:
    """Change fields; to be called before their widgets are drawn."""
    for name, value in changes.items():
        st.session_state[_HELD][name] = value
        st.session_state[key(name)] = value
        if name in TYPED:
            committed(name)


def committed(name: str) -> None:
    """The field's own widget now holds the truth; what was heard while it was typed is old."""
    heard = components.typed(typing(name))
    if heard is not None:
        stale = st.session_state.setdefault(_STALE, {})
        stale[name] = max(heard[1], stale.get(name, 0))


def sheet() -> Sheet:
    """What lies on the page."""
    held: Sheet = st.session_state[_SHEET]
    return held


def change(new: Sheet | None = None, **changes: Any) -> None:
    """Lay another sheet on the page, or the same one with changes."""
    st.session_state[_SHEET] = dataclasses.replace(new or sheet(), **changes)


def mask_key(source: int) -> str:
    """The key of the mask editor over a source."""
    return f"guide_mask_{source}"


def pose_key(aid: Aid, source: int) -> str:
    """The key of the pose editor of a control."""
    return f"guide_pose_{aid.id}_{source}"


def hear() -> None:
    """Take over what the editors have that was not taken over yet: their last word may come together with a press."""
    lying = sheet()
    masked = editors.masked(mask_key(lying.source))
    if masked is not None and _newer(mask_key(lying.source), masked[1]):
        change(mask=masks.encoded(masked[0]))
    for aid in lying.aids:
        posed = editors.posed(pose_key(aid, lying.source))
        if posed is not None and _newer(pose_key(aid, lying.source), posed[1]):
            change(sheets.change_aid(sheet(), aid.id, figures=posed[0]))


def _newer(name: str, n: int) -> bool:
    heard = st.session_state.setdefault(_HEARD, {})
    if n <= heard.get(name, 0):
        return False
    heard[name] = n
    return True


def keep(studio: Studio) -> None:
    """Keep the draft on the server if it changed."""
    if _HELD not in st.session_state:
        return
    st.session_state[_HELD] = fields()
    now = {"fields": dict(st.session_state[_HELD]), "sheet": sheets.to_dict(sheet())}
    if st.session_state.get(_KEPT) != now:
        studio.keep_draft(DRAFT, now)
        st.session_state[_KEPT] = now


def say(sentence: str, field: str = "") -> None:
    """Keep a sentence to be shown beside a field, or beside the button."""
    st.session_state[_PROBLEM] = (field, sentence)


def problem() -> tuple[str, str]:
    """The field and the sentence of what went wrong last; two empty strings when nothing did."""
    field, sentence = st.session_state.get(_PROBLEM, ("", ""))
    return field, sentence


def trying(act: Callable[..., None]) -> Callable[..., None]:
    """The same action for a button: what goes wrong becomes a sentence, and what was wrong before is forgotten."""

    def tried(*given: Any) -> None:
        st.session_state.pop(_PROBLEM, None)
        try:
            act(*given)
        except BadInput as error:
            say(str(error), error.field)
        except EaselError as error:
            say(str(error))

    return tried


def presses() -> press.Presses:
    """The presses of this page in this tab."""
    return press.presses(DRAFT)


def serve() -> None:
    """Do what was pressed before this run."""
    if presses().waiting:
        trying(presses().serve)()


def source_of(studio: Studio) -> Artwork | None:
    """The source; None when there is none, or when it is gone."""
    id = sheet().source
    try:
        return studio.gallery.get(id) if id else None
    except EaselError:
        return None

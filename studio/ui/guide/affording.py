"""What the Guide page's wish takes in memory and time, shown under its button. It decides nothing and stops nobody."""

from __future__ import annotations

from typing import Any

from studio.app import Studio
from studio.domain.errors import BadInput
from studio.ui import afford
from studio.ui.guide import desk, forms
from studio.ui.guide.forms import GuideFields
from studio.ui.guide.sheet import GUIDED


def bar(studio: Studio, fields: GuideFields) -> None:
    """The bar, where the wish is complete enough to be told: maps and masks that are still to come count as there."""
    source, lying = desk.source_of(studio), desk.sheet()
    if not forms.paints(fields["task"], fields["method"]):
        return
    asked: Any = dict(fields)
    for name in ("prompt", "fill"):
        asked[name] = fields[name] if fields[name].strip() else "a picture"
    controls = tuple(aid.control(forms.PLACEHOLDER) for aid in lying.aids) if fields["task"] in GUIDED else ()
    try:
        recipes = forms.recipes_of(asked, source, seed=0, mask=forms.PLACEHOLDER, controls=controls)
    except BadInput:
        return  # what is missing is said elsewhere
    size = (source.width, source.height) if source is not None else None
    afford.bar(
        studio,
        recipes,
        offload=fields["offload"],
        put=lambda changes: desk.put(dict(changes)),
        key="guide",
        source_size=size,
    )

"""Sheet: what lies on the Guide page beside its fields: source, mask, aids, jobs. Plain values and changes to them; it never
draws, and never asks the gallery."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from studio.domain.control import BALANCES, CONTROLS, Control, parameters_of
from studio.domain.errors import BadInput
from studio.domain.pose import Figure, figures_of
from studio.domain.recipe import MOST_CONTROLS

SHELVED = 6  # sources whose mask and aids come back when one returns to them
RESULT, SOURCE, MASK = "result", "source", "mask"  # what the stage can show; "aid:3" is the map of the third aid
GUIDED = ("create", "vary", "inpaint")  # tasks that listen to aids


@dataclass(frozen=True)
class Aid:
    """One control as the page holds it: how its map is made, how it is used, and the jobs that drew it.

    `figures` are those placed by hand (None: found in the source); `ready` is the id of a map used as it is (0: drawn from
    the source); `overlay` is a brush correction, a PNG in base64. `job` drew the preview that `asked` names, `kept` is the
    artwork that `kept_as` names, `bringing` is the job that brings a ready map along.
    """

    id: int
    kind: str
    parameters: dict[str, float] = field(default_factory=dict)
    figures: tuple[Figure, ...] | None = None
    ready: int = 0
    overlay: str = ""
    weight: float = 1.0
    start: float = 0.0
    end: float = 1.0
    balance: str = "balanced"
    revision: int = 0
    job: int = 0
    asked: str = ""
    kept: int = 0
    kept_as: str = ""
    bringing: int = 0

    @property
    def view(self) -> str:
        """Its name among what the stage can show."""
        return f"aid:{self.id}"

    def control(self, source: str) -> Control:
        """Its use in a recipe; `source` is the SHA-256 of its map."""
        return Control(self.kind, source, weight=self.weight, start=self.start, end=self.end, balance=self.balance)


@dataclass(frozen=True)
class Pending:
    """A press of the button that waits for its maps: its key and seed, everything as it was then, aid id -> job."""

    key: str
    seed: int
    fields: dict[str, Any]
    maps: dict[int, int]
    source: int = 0
    mask: str = ""
    aids: tuple[Aid, ...] = ()

    @property
    def sheet(self) -> Sheet:
        """What lay on the page when the button was pressed."""
        return Sheet(source=self.source, mask=self.mask, aids=self.aids)


@dataclass(frozen=True)
class Sheet:
    """Everything on the page that is not a field. `source` is an artwork's id, `mask` a PNG in base64 for that source."""

    source: int = 0
    mask: str = ""
    mask_revision: int = 0
    aids: tuple[Aid, ...] = ()
    removed: Aid | None = None
    view: str = SOURCE
    jobs: tuple[int, ...] = ()
    pending: Pending | None = None
    arriving: int = 0  # a job whose first picture becomes the source
    selecting: int = 0  # a job that finds what words name
    adding: bool = False  # whether what it finds is added to the mask
    filled: str = ""  # the prompt that the last source brought along
    shelved: dict[int, dict[str, Any]] = field(default_factory=dict)

    def aid(self, id: int) -> Aid | None:
        """The aid of that number."""
        return next((aid for aid in self.aids if aid.id == id), None)


# --- the source ---------------------------------------------------------------------------------------------------------


def with_source(sheet: Sheet, id: int) -> Sheet:
    """Another source (0 for none). Its own mask and aids come back where it had some; hand-made figures stay with theirs."""
    if id == sheet.source:
        return sheet
    shelved = dict(sheet.shelved)
    if sheet.source:
        shelved.pop(sheet.source, None)
        shelved[sheet.source] = {"mask": sheet.mask, "aids": [_aid_dict(aid) for aid in sheet.aids]}
    known = shelved.pop(id, None)
    while len(shelved) > SHELVED:
        shelved.pop(next(iter(shelved)))
    aids = _aids(known["aids"]) if known else tuple(_anew(aid) for aid in sheet.aids)
    return dataclasses.replace(
        sheet,
        source=id,
        mask=known["mask"] if known else "",
        mask_revision=sheet.mask_revision + 1,
        aids=aids,
        removed=None,
        view=SOURCE,
        jobs=(),
        pending=None,
        arriving=0,
        selecting=0,
        shelved=shelved,
    )


def _anew(aid: Aid) -> Aid:
    return dataclasses.replace(aid, figures=None, overlay="", revision=aid.revision + 1, job=0, asked="")


# --- aids ---------------------------------------------------------------------------------------------------------------


def add_aid(sheet: Sheet, kind: str, *, ready: int = 0, figures: Sequence[Figure] | None = None) -> Sheet:
    """One more control, shown at once; raises BadInput when there are as many as a recipe holds."""
    if len(sheet.aids) >= MOST_CONTROLS:
        raise BadInput("controls", f"{MOST_CONTROLS} controls are the most; remove one first.")
    id = max((aid.id for aid in (*sheet.aids, *filter(None, (sheet.removed,)))), default=0) + 1
    placed = tuple(figures) if figures is not None else None
    aid = Aid(id=id, kind=kind, parameters=parameters_of(kind, {}), ready=ready, figures=placed)
    return dataclasses.replace(sheet, aids=(*sheet.aids, aid), view=aid.view)


def change_aid(sheet: Sheet, id: int, **changes: Any) -> Sheet:
    """The sheet with one aid changed; raises BadInput for a value that no control can have."""
    aid = sheet.aid(id)
    if aid is None:
        return sheet
    new = dataclasses.replace(aid, **changes)
    parameters_of(new.kind, new.parameters)
    new.control("0" * 64)
    return dataclasses.replace(sheet, aids=tuple(new if one.id == id else one for one in sheet.aids))


def remove_aid(sheet: Sheet, id: int) -> Sheet:
    """The sheet without that aid, which can be put back."""
    aids = tuple(aid for aid in sheet.aids if aid.id != id)
    return dataclasses.replace(sheet, aids=aids, removed=sheet.aid(id), view=aids[-1].view if aids else SOURCE)


def put_back(sheet: Sheet) -> Sheet:
    """The aid that was removed last, again in its place."""
    if sheet.removed is None:
        return sheet
    aids = tuple(sorted((*sheet.aids, sheet.removed), key=lambda aid: aid.id))
    return dataclasses.replace(sheet, aids=aids, removed=None, view=sheet.removed.view)


def wish(aid: Aid, source: int, size: tuple[int, int]) -> str:
    """A name for exactly the map that this aid asks for; `size` counts only where there is no source."""
    asked: dict[str, Any] = {
        "kind": aid.kind,
        "ready": aid.ready,
        "overlay": aid.overlay,
        "figures": aid.figures,
        "source": source,
    }
    if not aid.ready:
        asked["parameters"] = sorted(aid.parameters.items())
    if not source:
        asked["size"] = list(size)
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:32]


def needs_preview(aid: Aid, source: int) -> bool:
    """Whether a map has to be drawn to be seen: not a ready one as it came, and not a pose that the editor shows anyway."""
    if aid.ready:
        return bool(aid.overlay)
    return bool(source) and aid.figures is None


# --- what the stage shows -----------------------------------------------------------------------------------------------


def views(sheet: Sheet, task: str) -> dict[str, str]:
    """What can be put on the stage, in order: view -> label."""
    found: dict[str, str] = {}
    if task == "inpaint" and sheet.source:
        found[MASK] = "Mask"
    elif sheet.source:
        found[SOURCE] = "Source"
    if task in GUIDED:
        labels = [CONTROLS[aid.kind].label for aid in sheet.aids]
        for place, aid in enumerate(sheet.aids):
            label = labels[place]
            same = labels[:place].count(label)
            found[aid.view] = f"{label} {same + 1}" if same else label
    if sheet.jobs or sheet.pending:
        found[RESULT] = "Result"
    return found


def shown(sheet: Sheet, task: str) -> str:
    """Which of them is shown: the one chosen while there is such a one, else the first; empty when there is none."""
    offered = views(sheet, task)
    return sheet.view if sheet.view in offered else next(iter(offered), "")


# --- the draft ----------------------------------------------------------------------------------------------------------


def to_dict(sheet: Sheet) -> dict[str, Any]:
    """What the draft keeps of a sheet, ready for JSON."""
    body = {name: getattr(sheet, name) for name in _PLAIN}
    body |= {
        "aids": [_aid_dict(aid) for aid in sheet.aids],
        "removed": _aid_dict(sheet.removed) if sheet.removed else None,
        "jobs": list(sheet.jobs),
        "pending": _pending_dict(sheet.pending) if sheet.pending else None,
        "shelved": [[id, body] for id, body in sheet.shelved.items()],
    }
    return body


def from_dict(body: Mapping[str, Any] | None) -> Sheet:
    """A sheet from its draft; what cannot be read any more is left out, and the rest stays."""
    body = body if isinstance(body, Mapping) else {}
    plain = {name: body[name] for name, default in _PLAIN.items() if name in body and type(body[name]) is type(default)}
    jobs = body.get("jobs")
    aids = _aids(body.get("aids"))
    removed = _aids([body.get("removed")])
    return Sheet(
        **plain,
        aids=aids[:MOST_CONTROLS],
        removed=removed[0] if removed else None,
        jobs=tuple(id for id in jobs if type(id) is int) if isinstance(jobs, list) else (),
        pending=_pending(body.get("pending")),
        shelved=_shelved(body.get("shelved")),
    )


_PLAIN: dict[str, Any] = {
    name: getattr(Sheet(), name)
    for name in ("source", "mask", "mask_revision", "view", "arriving", "selecting", "adding", "filled")
}
_AID_NUMBERS = ("ready", "revision", "job", "kept", "bringing")
_AID_TEXTS = ("overlay", "asked", "kept_as")


def _aid_dict(aid: Aid) -> dict[str, Any]:
    body = dataclasses.asdict(aid)
    if aid.figures is not None:
        body["figures"] = [[list(point) if point else None for point in figure] for figure in aid.figures]
    return body


def _aids(bodies: Any) -> tuple[Aid, ...]:
    found: dict[int, Aid] = {}
    for body in bodies if isinstance(bodies, list) else ():
        aid = _aid(body)
        if aid is not None:
            found[aid.id] = aid
    return tuple(found.values())


def _aid(body: Any) -> Aid | None:
    """One aid of a draft; None when it is none, for what is not a control cannot be used."""
    try:
        numbers: dict[str, Any] = {name: int(body.get(name, 0)) for name in _AID_NUMBERS}
        texts: dict[str, Any] = {name: str(body.get(name, "")) for name in _AID_TEXTS}
        aid = Aid(
            id=int(body["id"]),
            kind=str(body["kind"]),
            parameters=parameters_of(body["kind"], body.get("parameters") or {}),
            figures=None if body.get("figures") is None else figures_of(body["figures"]),
            weight=body.get("weight", 1.0),
            start=body.get("start", 0.0),
            end=body.get("end", 1.0),
            balance=body.get("balance", next(iter(BALANCES))),
            **numbers,
            **texts,
        )
        aid.control("0" * 64)
    except (BadInput, KeyError, TypeError, ValueError, AttributeError):
        return None
    return aid


def _pending_dict(pending: Pending) -> dict[str, Any]:
    return {**dataclasses.asdict(pending), "aids": [_aid_dict(aid) for aid in pending.aids]}


def _pending(body: Any) -> Pending | None:
    try:
        return Pending(
            source=int(body.get("source", 0)),
            mask=str(body.get("mask", "")),
            aids=_aids(body.get("aids")),
            key=str(body["key"]),
            seed=int(body["seed"]),
            fields=dict(body["fields"]),
            maps={int(aid): int(job) for aid, job in dict(body["maps"]).items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _shelved(pairs: Any) -> dict[int, dict[str, Any]]:
    kept: dict[int, dict[str, Any]] = {}
    for pair in pairs if isinstance(pairs, list) else ():
        if isinstance(pair, list) and len(pair) == 2 and type(pair[0]) is int and isinstance(pair[1], dict):
            mask, aids = pair[1].get("mask"), pair[1].get("aids")
            kept[pair[0]] = {
                "mask": mask if isinstance(mask, str) else "",
                "aids": aids if isinstance(aids, list) else [],
            }
    return kept

"""Record: with what a picture was painted, and how that differs from what is here. It reads no file and asks no device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

VERSION = 2  # of what `to_dict` gives; 1 had the painter's hashes and the libraries' versions alone
SETTINGS = "settings"  # the name under which a part's small files (configs, tokenizers) are hashed together
KINDS = {"cpu": "a CPU", "cuda": "an NVIDIA or AMD GPU", "mps": "an Apple GPU"}
SHORT = 8  # digits of a hash that a person is shown
_TEXT = 200  # characters of anything that a file says of its making
_MOST = 400  # entries of a list in a record
# What is quicker and changes the last digits
_QUICKER = {"joined": "the attention's projections were joined", "compiled": "the painter's blocks were compiled"}


@dataclass(frozen=True)
class Part:
    """One pack that had a hand in a picture: its role there, its id and name, and the SHA-256 of each file by its path."""

    role: str
    pack: str
    name: str
    hashes: Mapping[str, str] = field(default_factory=dict)

    @property
    def what(self) -> str:
        """What it is called in a sentence."""
        return "the pack" if self.role == "painter" else f"{self.name} ({self.role})"


@dataclass(frozen=True)
class Record:
    """With what a picture was painted. `parts` begin with the painter; an empty text or 0 means that nobody wrote it down.

    `kind` is the device's (cpu, cuda, mps), `device` its name, `threads` are those of a CPU. `saving` says that a way was used
    which needs less memory, `joined` and `compiled` that two ways were used which are quicker (None: nobody wrote it down),
    `together` how many pictures the job asked for. `note` is a sentence for the user.
    """

    parts: tuple[Part, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    device: str = ""
    kind: str = ""
    dtype: str = ""
    threads: int = 0
    saving: bool = False
    joined: bool | None = None
    compiled: bool | None = None
    together: int = 0
    note: str = ""
    version: int = VERSION

    def to_dict(self) -> dict[str, Any]:
        """As it travels in a picture's file. The painter stands where version 1 had it, so that older readers find it."""
        first = self.parts[0] if self.parts else Part("painter", "", "")
        body: dict[str, Any] = {
            "version": self.version,
            "pack": first.pack,
            "pack_name": first.name,
            "hashes": dict(first.hashes),
            "versions": dict(self.versions),
            "together": self.together,
        }
        if len(self.parts) > 1:
            body["parts"] = [
                {"role": one.role, "pack": one.pack, "name": one.name, "hashes": dict(one.hashes)}
                for one in self.parts[1:]
            ]
        device = {"name": self.device, "kind": self.kind, "dtype": self.dtype, "threads": self.threads}
        body["device"] = {name: value for name, value in device.items() if value}
        if self.saving:
            body["saving"] = True
        body |= {name: value for name in _QUICKER if (value := getattr(self, name)) is not None}
        if self.note:
            body["note"] = self.note
        return body


def read_record(body: Any) -> Record | None:
    """The record of any version, as a file says it; None where there is none. Never raises: files come from strangers."""
    if not isinstance(body, Mapping) or not body.get("pack"):
        return None
    version = body.get("version", 1)
    parts = [Part("painter", _text(body.get("pack")), _text(body.get("pack_name")), _texts(body.get("hashes")))]
    given = body.get("parts")
    for one in given[:_MOST] if isinstance(given, list) else ():
        if isinstance(one, Mapping):
            role, pack, name = (_text(one.get(key)) for key in ("role", "pack", "name"))
            parts.append(Part(role, pack, name, _texts(one.get("hashes"))))
    device = body.get("device")
    device = device if isinstance(device, Mapping) else {}
    return Record(
        parts=tuple(parts),
        versions=_texts(body.get("versions")),
        device=_text(device.get("name")),
        kind=_text(device.get("kind")),
        dtype=_text(device.get("dtype")),
        threads=_count(device.get("threads")),
        saving=body.get("saving") is True,
        joined=_said(body.get("joined")),
        compiled=_said(body.get("compiled")),
        together=_count(body.get("together")),
        note=_text(body.get("note")),
        version=_count(version) or 1,
    )


@dataclass(frozen=True)
class Difference:
    """One thing that is not here as it was there: its label, both values in words, and the same as the end of a sentence."""

    label: str
    then: str
    here: str
    because: str

    def to_dict(self) -> dict[str, str]:
        """A JSON-ready dict."""
        return {"label": self.label, "then": self.then, "here": self.here, "because": self.because}


def differences(then: Record | None, here: Record) -> list[Difference]:
    """Where the making of a picture differs from what would make it here, what matters most first.

    Only what both know is compared: a record of version 1 says nothing of devices, parts and configs.
    """
    if then is None:
        return [Difference("Record", "none", "complete", "its file does not say with what it was painted")]
    found = _parts(then, here)
    if then.kind and then.kind != here.kind:
        was, now = then.device or KINDS.get(then.kind, then.kind), here.device or KINDS.get(here.kind, here.kind)
        found.append(Difference("Device", was, now, f"it was painted on another device ({was})"))
    elif then.kind and then.kind != "cpu" and then.device != here.device:
        found.append(Difference("Device", then.device, here.device, f"it was painted on another GPU ({then.device})"))
    if then.dtype and then.dtype != here.dtype:
        found.append(Difference("Precision", then.dtype, here.dtype, f"it was painted in {then.dtype}"))
    for name, was in then.versions.items():
        ours = here.versions.get(name, was)
        if ours != was:
            found.append(Difference(name, was, ours, f"{name} was {was} and is {ours} here"))
    if then.kind == here.kind == "cpu" and then.threads and here.threads and then.threads != here.threads:
        was, now = str(then.threads), str(here.threads)
        found.append(Difference("Threads", was, now, f"it was painted with {was} threads, here with {now}"))
    if then.saving != here.saving:
        was, now = ("saving" if one.saving else "usual" for one in (then, here))
        found.append(Difference("Memory", was, now, "memory was used in another way"))
    for name, what in _QUICKER.items():
        was, now = getattr(then, name), getattr(here, name)
        if None not in (was, now) and was != now:
            words = ("yes", "no") if was else ("no", "yes")
            because = f"{what} there and not here" if was else f"{what} here and not there"
            found.append(Difference(name.capitalize(), *words, because))
    if then.together > 1:
        count = str(then.together)
        found.append(Difference("At once", count, "1", f"it was one of {count} that were painted together"))
    return found


def _parts(then: Record, here: Record) -> list[Difference]:
    found = []
    ours = {(one.role, one.pack): one for one in here.parts}
    for was in then.parts:
        now = ours.pop((was.role, was.pack), None)
        if now is None:
            found.append(Difference(was.what, "used", "not used", f"{was.what} was used there and is not here"))
            continue
        for path in (path for path, digest in was.hashes.items() if now.hashes.get(path, digest) != digest):
            label = path if was.role == "painter" else f"{was.name}: {path}"
            owner = "the pack's files differ" if was.role == "painter" else f"the files of {was.what} differ"
            found.append(Difference(label, was.hashes[path][:SHORT], now.hashes[path][:SHORT], owner))
    if then.version >= VERSION:
        found += [Difference(one.what, "not used", "used", f"{one.what} is used here") for one in ours.values()]
    return found


def said(same: bool, measured: Mapping[str, Any], because: Sequence[Difference]) -> str:
    """How near the second painting came, in a sentence.

    `measured` holds `largest` (of 255), `visible` (0 to 1) and, where the sizes differ, `sizes` in words.
    """
    if same:
        return "The same to the last pixel."
    reasons = list(dict.fromkeys(one.because for one in because))
    more = f", and {len(reasons) - 2} more" if len(reasons) > 2 else ""
    why = "; ".join(reasons[:2])
    ending = f", most likely because {why}{more}." if why else ". Everything that its record tells of is the same here."
    if measured.get("sizes"):
        return f"Different: {measured['sizes']}{ending}"
    largest, visible = int(measured["largest"]), float(measured["visible"])
    if largest <= NEARLY:
        return f"Nearly the same: no pixel differs by more than {largest} of 255."
    if visible == 0:
        return f"Very near: the pixels that differ do so by at most {largest} of 255, too little to see."
    share = f"{visible:.0%}" if visible >= 0.01 else "less than 1%"
    return f"Different: {share} of its pixels differ visibly, by up to {largest} of 255{ending}"


NEARLY = 2  # of 255: what another order of adding floating-point numbers makes of a picture


def _text(value: Any) -> str:
    return value[:_TEXT] if isinstance(value, str) else ""


def _texts(value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping):
        return {}
    pairs = list(value.items())[:_MOST]
    return {key[:_TEXT]: one[:_TEXT] for key, one in pairs if isinstance(key, str) and isinstance(one, str)}


def _said(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**6 else 0

"""What is loaded: each model once, in the order it was last needed, one at a time. It runs none of them."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

from studio.domain.control import CONTROLS
from studio.domain.errors import PackMissing
from studio.packs import parts
from studio.packs.controls import CONTROL, can_follow, control
from studio.packs.manifest import STARTER, Pack
from studio.packs.shelf import Shelf
from studio.safety.gate import KNOWN_POSITIVE, Gate
from studio.workshop import checking, holding, stamps, turns
from studio.workshop.ports import Answerer, Captioner, Checker, Encoder, Painter
from studio.workshop.stamps import Stamp


class Models:
    """Loads models when they are first needed. Both lanes may ask at once.

    What was installed anew since it was loaded is loaded anew, so that a record's hashes are those of what painted. They take
    turns in loading (turns.py); `waiting` is called now and then while another thread loads, and may raise Cancelled.
    """

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self._held: OrderedDict[tuple[str, str], Any] = OrderedDict()
        self._stamps: dict[tuple[str, str], Stamp] = {}  # what the files were when that was loaded
        self._changing = Lock()

    def painter(self, pack_id: str, *, waiting: Callable[[], None] | None = None) -> Painter:
        """The painter of a pack, the others off the device; raises PackMissing when a file of it is not there."""

        def load() -> Painter:
            from studio.workshop.paint.load import load_painter

            pack = self.shelf.whole(pack_id)
            with self._changing:
                gone = holding.make_room(self._held, coming=sum(self.shelf.sizes(pack).values()))
            if gone:
                holding.give_back()
            return load_painter(
                pack.role("painter"),
                find_controls=partial(self.controls, pack_id),
                find_parts=Parts(self.shelf, pack_id),
                find_preview=partial(parts.preview_vae, self.shelf, pack),
                family=pack.manifest.family,
                vae=parts.own_vae(self.shelf, pack),
                tokenizers=parts.tokenizers(self.shelf, pack),
            )

        painter: Painter = self._get("painter", pack_id, load, waiting, places=partial(self._painting, pack_id))
        with self._changing:
            held = dict(self._held)
        holding.rest_others(held, pack_id)  # moving gigabytes takes a second: the other lane need not wait for that
        return painter

    def _painting(self, pack_id: str) -> list[Path | None]:
        """What `load_painter` reads for a pack; raises PackMissing."""
        pack = self.shelf.get(pack_id)
        words = parts.tokenizers(self.shelf, pack)
        others = [words / name for name in ("tokenizer", "tokenizer_2")] if words is not None else []
        return [pack.role("painter"), parts.own_vae(self.shelf, pack), *others]

    def controls(
        self, pack_id: str, kinds: Sequence[str], *, waiting: Callable[[], None] | None = None
    ) -> dict[str, Any]:
        """The ControlNets of a pack by kind; raises PackMissing, naming the first kind that it has none for."""
        pack = self.shelf.get(pack_id)
        folders: dict[str, Path] = {}
        for kind in kinds:
            folder = control(self.shelf, pack, kind)
            if folder is None:
                others = ", ".join(CONTROLS[name].label for name in can_follow(self.shelf, pack))
                raise PackMissing(
                    f"Pack {pack.manifest.name} has no ControlNet for {CONTROLS[kind].label.lower()}"
                    f" (it has: {others or 'none'}); take that control out, or choose another pack on the Shelf page."
                )
            folders[kind] = folder

        def net(folder: Path) -> Any:
            def load() -> Any:
                from studio.workshop.paint.load import load_control

                return load_control(folder)

            # By folder: a union is one net for many kinds
            return self._get(f"{CONTROL}{folder}", pack_id, load, waiting, places=lambda: [folder])

        return {kind: holding.bring(net(folder)) for kind, folder in folders.items()}

    def captioner(self, pack_id: str, *, waiting: Callable[[], None] | None = None) -> Captioner:
        """The captioner of a pack, or of the first pack that has one."""

        def load(pack: Pack) -> Captioner:
            from studio.workshop.vision.blip import load_captioner

            folder = pack.role("captioner")
            return load_captioner(folder, name=pack.id, preparation=pack.preparation("captioner"))

        return self._of("captioner", pack_id, load, waiting)

    def answerer(self, pack_id: str, *, painted_by: str = "", waiting: Callable[[], None] | None = None) -> Answerer:
        """What answers questions about a picture that the pack `painted_by` painted ("" for any other picture).

        The starter pack's knows its own world alone: it comes first for that pack's pictures and last for all others,
        which the pack's own answers, or that of the first pack that has one.
        """

        def load(pack: Pack) -> Answerer:
            from studio.workshop.vision.ask import load_answerer

            folder = pack.role("answerer")
            return load_answerer(folder, name=pack.id, preparation=pack.preparation("answerer"))

        packs = [pack for pack in (self.shelf.get(pack_id), *self.shelf.packs()) if "answerer" in pack.manifest.roles]
        packs.sort(key=lambda pack: (pack.id == STARTER) != (painted_by == STARTER))
        return self._of("answerer", packs[0].id if packs else pack_id, load, waiting)

    def upscaler(self, pack_id: str, *, waiting: Callable[[], None] | None = None) -> Painter:
        """What enlarges with the upscaler of a pack; raises PackMissing when it is not there or is none."""

        def load() -> Painter:
            from studio.workshop.paint.upscale import load_upscaler

            return load_upscaler(self.shelf.whole(pack_id).role("upscaler"))

        def places() -> list[Path]:
            return [self.shelf.get(pack_id).role("upscaler")]

        upscaler: Painter = self._get("upscaler", pack_id, load, waiting, places=places)
        return upscaler

    def encoder(self, pack_id: str, *, waiting: Callable[[], None] | None = None) -> Encoder:
        """The encoder of a pack, or of the first pack that has one; named by the pack and its weights' hash."""

        def load(pack: Pack) -> Encoder:
            from studio.workshop.vision.clip import load_encoder

            folder = pack.role("encoder")
            name = f"{pack.id}:{fingerprint(folder)}"
            return load_encoder(folder, name=name, preparation=pack.preparation("encoder"))

        return self._of("encoder", pack_id, load, waiting)

    def seer(self, role: str, pack_id: str, *, waiting: Callable[[], None] | None = None) -> Any:
        """What finds joints, depth or regions (roles pose, depth, segmenter, segments): the pack's, or the first there is."""

        def load(pack: Pack) -> Any:
            from studio.workshop.annotate import depth, pose, regions

            loaders: dict[str, Callable[[Path], Any]] = {
                "pose": pose.load_pose,
                "depth": depth.load_depth,
                "segmenter": regions.load_words,
                "segments": regions.load_regions,
            }
            return loaders[role](pack.role(role))

        return self._of(role, pack_id, load, waiting)

    def gate(self, pack_id: str, *, caution: float, waiting: Callable[[], None] | None = None) -> Gate:
        """The gate with the pack's own checker, or that of the checker pack it needs.

        A checker that is absent or does not load makes a gate that blocks all. No other pack's checker steps in: one that
        was made for drawings would let a photograph pass.
        """
        pack = self.shelf.holder("checker", pack_id)
        if pack is None or (pack.id != pack_id and pack.manifest.kind != "checker"):
            return Gate(checker=None, caution=caution, labels={})  # not held: a checker may be installed any moment

        checkers = [self._checker(pack, waiting)]
        labels, names = dict(pack.manifest.concepts), pack.id
        if pack.manifest.family != "storybook":  # every other checker of photographs that is installed looks as well
            for other in self.shelf.packs():
                if other.manifest.kind == "checker" and other.id != pack.id and "checker" in other.manifest.roles:
                    checkers.append(self._checker(other, waiting))
                    labels = {**other.manifest.concepts, **labels}
                    names += f" {other.id}"

        def made() -> tuple[Gate, list[Checker]]:
            # Storybook's forbidden sign ships as a picture; of a checker of photographs none can, so it finds one itself
            checker = checkers[0] if len(checkers) == 1 else checking.Checkers(checkers)
            provoke = getattr(checker, "provoked", None) if pack.manifest.family != "storybook" else None
            positive = provoke or KNOWN_POSITIVE
            return Gate(checker=checker, caution=caution, labels=labels, known_positive=positive), checkers

        def others(held: tuple[Gate, list[Checker]]) -> bool:  # a checker was repaired: its gate has to be asked anew
            return any(one is not now for one, now in zip(held[1], checkers, strict=True))

        gate: Gate = self._get(f"gate {caution}", names, made, waiting, stale=others)[0]
        return gate

    def _checker(self, pack: Pack, waiting: Callable[[], None] | None) -> Checker:
        """The checker of a pack as its files are now: one that was repaired, or did not load, is loaded anew."""
        now = checking.stamp(pack)

        def old(held: checking.Loaded) -> bool:
            return held.stale(now)

        loaded: checking.Loaded = self._get("checker", pack.id, partial(checking.load, pack), waiting, stale=old)
        return loaded.checker

    def _of(self, role: str, pack_id: str, load: Callable[[Pack], Any], waiting: Callable[[], None] | None) -> Any:
        """What plays a role for a pack, held by the pack that has it: another one may have it at the next job."""
        pack, here = self._with(role, pack_id), {one.id for one in self.shelf.packs()}
        with self._changing:
            for key in [key for key in self._held if key[0] == role and key[1] not in here]:
                del self._held[key]  # its pack was removed

        def places() -> list[Path]:
            return [pack.role(role), pack.preparation(role)]

        return self._get(role, pack.id, partial(load, pack), waiting, places=places)

    def _with(self, role: str, pack_id: str) -> Pack:
        for pack in (self.shelf.get(pack_id), *self.shelf.packs()):
            if role in pack.manifest.roles:
                return pack
        raise PackMissing(f"No pack on this machine has a {role}; install one on the Shelf page.")

    def _get(
        self,
        role: str,
        pack_id: str,
        load: Callable[[], Any],
        waiting: Callable[[], None] | None,
        *,
        places: Callable[[], Sequence[Path | None]] = tuple,
        stale: Callable[[Any], bool] = lambda _: False,
    ) -> Any:
        """What is held for this role and pack, loaded first where nothing is or where it is no longer that.

        It no longer is when the files in `places` are others than those that were loaded, or when `stale` says so.
        """
        key = (role, pack_id)
        while not turns.LOADING.acquire(timeout=turns.SECONDS):
            model = self._current(key, stamps.stamp(places()), stale)
            if model is not None:
                return model
            if waiting is not None:
                waiting()
        try:
            now = stamps.stamp(places())  # before they are read: what changes meanwhile is noticed the next time
            model = self._current(key, now, stale)
            if model is not None:
                return model
            from studio.workshop import heavy

            heavy.prepare()
            with self._changing:
                old = self._held.pop(key, None) is not None
            if old:
                holding.give_back()  # there may be no room for both
            model = load()
            with self._changing:
                self._held[key], self._stamps[key] = model, now
                gone = holding.make_room(self._held)
            if gone:
                holding.give_back()
            return model
        finally:
            turns.LOADING.release()

    def _current(self, key: tuple[str, str], now: Stamp, stale: Callable[[Any], bool]) -> Any | None:
        """What is held, as the one that was used last; None where nothing is, or where that is old."""
        with self._changing:
            model = self._held.get(key)
            if model is None or self._stamps.get(key) != now:
                return None
        if stale(model):
            return None
        with self._changing:
            if key in self._held:
                self._held.move_to_end(key)
        return model


class Parts:
    """Finds what other packs put on the painter of one pack; see ports.Parts."""

    def __init__(self, shelf: Shelf, painter: str) -> None:
        self._shelf, self._painter = shelf, painter

    def file(self, role: str, id: str) -> Path:
        """See ports.Parts. The picture reader is asked for by the IP-Adapter's id."""
        if role == "image-encoder":
            adapter = parts.part(self._shelf, self._painter, "adapter", id)
            return parts.file(parts.reader(self._shelf, adapter), role)
        return parts.file(parts.part(self._shelf, self._painter, role, id), role)

    def words(self, id: str) -> tuple[str, ...]:
        """See ports.Parts."""
        return parts.words(self._shelf.get(id))


def fingerprint(folder: Path) -> str:
    """Twelve hex digits of the SHA-256 over the folder's weights."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()[:12]

"""What the Shelf page says of packs, as plain functions: sizes, fit, needs, how an installation goes. It draws nothing."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from studio.app import Studio
from studio.domain.job import ENDED, LIVE, Job
from studio.packs.manifest import FAMILIES, Manifest, Pack
from studio.ui import words

INSTALL = "install"
# Kind -> one of it, in a sentence
ONE = {
    "painter": "Painter",
    "controls": "ControlNet",
    "annotator": "Annotator",
    "lora": "LoRA",
    "adapter": "Picture prompt",
    "vae": "VAE",
    "embedding": "Embedding",
    "captioner": "Captioner",
    "encoder": "Encoder",
    "checker": "Checker",
    "upscaler": "Upscaler",
}
# What a kind is for, said once above its packs
WHAT = {
    "painter": "They paint pictures from words. One is enough to begin; each family has parts of its own.",
    "controls": "They make a painter follow a pose, a depth map, edges or a drawing. Each fits painters of its family.",
    "annotator": "They read poses, depth and regions off photographs, for ControlNets to follow.",
    "lora": "Small files that change a painter's style or speed. Each fits painters of its family.",
    "adapter": "They let a picture be part of the prompt.",
    "vae": "They turn what a painter thinks of into pixels: better decoders, and tiny ones for previews.",
    "embedding": "Words of their own, for prompts.",
    "captioner": "They say in words what is in a picture, and answer questions about it.",
    "encoder": "They find pictures by words and by likeness.",
    "checker": "They look at every picture before anybody sees it. Painters of photographs need one.",
    "upscaler": "They make pictures larger.",
}
# Roles that no room of the studio asks for yet; said before somebody fetches gigabytes for nothing
UNUSED: tuple[str, ...] = ()


def facts(manifest: Manifest, size: int) -> str:
    """One line: kind, family, size."""
    kind = ONE[manifest.kind]
    family = "" if manifest.family == "any" else FAMILIES[manifest.family]
    return " · ".join(filter(None, (kind, family if family != manifest.name else "", amount(size))))


def amount(count: int) -> str:
    """Bytes as people say them; unknown where they are not known."""
    return words.size(count) if count else "size not known yet"


def fit(manifest: Manifest, packs: Sequence[Pack]) -> str:
    """Which painters here a part works with, in a sentence; "" for what works with all, and for painters themselves."""
    return "" if manifest.kind == "painter" else fit_of_family(manifest.family, packs)


def fit_of_family(family: str, packs: Sequence[Pack]) -> str:
    """Which painters here the parts of a family work with; "" for what works with all, and where nobody knows the family."""
    if family not in FAMILIES or family == "any":
        return ""
    painters = [
        pack.manifest.name
        for pack in packs
        if pack.manifest.kind == "painter" and pack.manifest.family in (family, "any")
    ]
    if not painters:
        return f"For painters of {FAMILIES[family]}: none is installed yet."
    more = f" and {len(painters) - 2} more" if len(painters) > 2 else ""
    return f"Fits {', '.join(painters[:2])}{more}."


def no_use(manifest: Manifest) -> str:
    """A warning where nothing in the studio uses a pack yet; "" for all others."""
    return "Nothing in Easel uses it yet." if all(role in UNUSED for role in manifest.roles) else ""


def vocabulary(kind: str, family: str, path: str, packs: Sequence[Pack]) -> str:
    """What a painter in one file lacks, said before it is brought: no such file holds the vocabulary that reads prompts."""
    if kind != "painter" or not path.endswith(".safetensors"):
        return ""
    if any(pack.manifest.family == family and "tokenizer" in pack.manifest.roles for pack in packs):
        return ""
    return f"It reads prompts with the vocabulary of another pack of {FAMILIES.get(family, 'its family')}: install one too."


def also(lacking: Sequence[Manifest]) -> str:
    """What else is installed with a pack, in a sentence."""
    if not lacking:
        return ""
    named = [f"{one.name} ({amount(one.source.bytes if one.source else 0)})" for one in lacking]
    return f"Also installs {', '.join(named)}."


def whole_size(manifest: Manifest, lacking: Sequence[Manifest]) -> int:
    """About how many bytes an installation fetches, with what the pack needs."""
    return sum(one.source.bytes for one in (manifest, *lacking) if one.source)


def offered(catalogue: Sequence[Manifest], kind: str, family: str) -> list[Manifest]:
    """Packs of a kind and family that come from the hub, the small ones first; an empty family is every one."""
    order = list(FAMILIES)
    found = [
        (order.index(one.family), one.source.bytes, one.id, one)
        for one in catalogue
        if one.source is not None and one.kind == kind and (not family or one.family in (family, "any"))
    ]
    return [one for *_, one in sorted(found, key=lambda entry: entry[:3])]


def before_removal(pack: Pack, dependents: Sequence[Manifest], size: int) -> str:
    """What happens when a pack is removed, said before."""
    needing = f" {_and([one.name for one in dependents])} will not work without it." if dependents else ""
    if pack.home is not None:
        return f"{pack.manifest.name} leaves the shelf; its files stay in {pack.folder}.{needing}"
    again = " It can be installed again." if pack.manifest.source else " You will need the original to bring it again."
    return f"{words.size(size)} are deleted.{again}{needing}"


def _and(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


@dataclass(frozen=True)
class Coming:
    """A pack on its way: how much is here, what happens, and whether it can go on."""

    manifest: Manifest
    job: Job | None
    here: int
    total: int
    line: str
    failed: bool = False

    @property
    def live(self) -> bool:
        """Whether somebody works on it."""
        return self.job is not None and self.job.live

    @property
    def share(self) -> float:
        """How much is here, 0 to 1."""
        return min(1.0, self.here / self.total) if self.total else 0.0


def coming(studio: Studio, *, dismissed: Collection[int] = ()) -> list[Coming]:
    """Every pack on its way, those at work first; `dismissed` are failed jobs that somebody does not want to see again."""
    manifests = {one.id: one for one in studio.shelf.catalogue()}
    live = {str(job.payload.get("pack")): job for job in reversed(studio.queue.list(LIVE, (INSTALL,), limit=200))}
    ended: dict[str, Job] = {}
    for job in studio.queue.list(ENDED, (INSTALL,), limit=200):
        ended.setdefault(str(job.payload.get("pack")), job)
    ids = [*live, *(id for id in studio.shelf.coming() if id not in live)]
    failed = [id for id, job in ended.items() if job.state == "failed" and job.id not in dismissed and id not in ids]
    ids += [id for id in failed if studio.shelf.state(id) == "absent"]
    return [_coming(studio, manifests[id], live.get(id), ended.get(id)) for id in ids if id in manifests]


def _coming(studio: Studio, manifest: Manifest, job: Job | None, last: Job | None) -> Coming:
    here, total = studio.installs.fetched(manifest.id)
    if job is not None:
        here, total = (job.done, job.total) if job.total else (here, total)
        if job.cancel:
            line = "Pausing"
        elif job.state == "waiting":
            line = "Waiting for its turn"
        else:
            line = _sentence(job.stage) or "Starting"
        return Coming(manifest, job, here, total, " · ".join(filter(None, (_of(here, total), line))))
    if last is not None and last.state == "failed":
        return Coming(manifest, last, here, total, last.error, failed=True)
    stopped = "Interrupted" if last is not None and last.state == "interrupted" else "Paused"
    return Coming(manifest, last, here, total, " · ".join(filter(None, (stopped, _of(here, total)))))


def _sentence(stage: str) -> str:
    """A stage with a capital, but for one that begins with the name of a host."""
    return stage if "." in stage.partition(" ")[0] else stage[:1].upper() + stage[1:]


def _of(here: int, total: int) -> str:
    return f"{words.size(here)} of {words.size(total)}" if total else ""

"""Job: one durable row of work, and Report, what the work calls while it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from PIL import Image

# kind -> lane. `paint` jobs are long; `look` jobs are short, so that search stays quick while a picture is painted; `fetch`
# jobs take long, wait for other machines or read many files, and hold up neither.
LANES = {
    "paint": "paint",
    "repeat": "paint",  # paint an artwork once more and compare: will it come out the same here?
    "find": "look",
    "caption": "look",
    "ask": "look",  # answer a question about a picture
    "clear": "look",  # check one upload, embed it, give it back as an artwork-less preview
    "annotate": "look",  # draw a control map of a picture
    "select": "look",  # find what words name in a picture: a mask
    "sheet": "look",  # lay a grid out as one labelled picture
    "warm": "look",  # load what the first look needs
    "install": "fetch",  # bring a pack from the hub
    "import": "fetch",  # ten thousand files take a quarter of an hour; one paints meanwhile
    "map": "fetch",  # draw the gallery's map: needs no model, and may take minutes
    "embed": "fetch",  # make the vectors that searches lack: minutes for a large gallery, and searches go on meanwhile
    "looks": "fetch",  # read the colours of pictures that came in before they were kept; needs no model
    "duplicates": "fetch",  # find copies of one picture; needs no model, and may take minutes
    "scan": "fetch",  # look for the user's own models: this and the next three read whole files and need no model
    "bring": "fetch",
    "verify": "fetch",
    "move": "fetch",
    "export": "fetch",  # pictures to a folder, a zip or contact sheets
    "empty": "fetch",  # delete for good what lies in the bin
}
LIVE = ("waiting", "running")
ENDED = ("done", "refused", "failed", "cancelled", "interrupted")


@dataclass(frozen=True)
class Job:
    """A row of the queue. Times are Unix seconds; `seconds` is measured on a monotonic clock by the worker."""

    id: int
    kind: str
    lane: str
    state: str
    payload: dict[str, Any]
    done: int = 0
    total: int = 0
    stage: str = ""  # a few words: "loading Storybook", "painting", "checking"
    preview: str = ""  # file name inside previews/, changes with every new preview
    cancel: bool = False
    result: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    attempts: int = 0
    created_at: float = 0.0
    started_at: float | None = None
    ended_at: float | None = None
    seconds: float | None = None

    @property
    def live(self) -> bool:
        """Waiting or running."""
        return self.state in LIVE


class Report(Protocol):
    """What a job calls as it goes; raises Cancelled when somebody pressed Cancel.

    `draft` makes a small picture and is called only when somebody watches.
    """

    def __call__(self, done: int, total: int, draft: Callable[[], Image.Image] | None = None) -> None: ...

"""Every error the studio raises on purpose; each is a sentence that says what to do next.

EaselError
├── BadInput          a field is out of range; names the field            exit 2
│   └── BadPicture    a file that is not a usable picture                 exit 2
├── Refused           the gate said no; carries the verdict               exit 3
├── PackMissing       a pack, or a part of one, is not installed          exit 4
├── Cancelled         somebody pressed Cancel                             exit 130
└── Failed            the work itself went wrong                          exit 5
    ├── NotNumbers    the model produced NaN or infinity
    ├── StorageFull   the disk is full
    ├── StorageBroken the home folder or the database cannot be used
    ├── Busy          the database stayed locked
    ├── Offline       the switch "offline" is on, so no other machine is asked
    └── WorkerLost    the worker crashed, hung or could not start
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from studio.domain.verdict import Verdict


class EaselError(Exception):
    """The root: `str(error)` is a sentence fit to be shown to a person."""

    exit_code = 5


class BadInput(EaselError):
    """A value is not acceptable; `field` names which one."""

    exit_code = 2

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


class BadPicture(BadInput):
    """A file that is not a picture the studio can use; the sentence says why."""

    def __init__(self, sentence: str) -> None:
        super().__init__("file", sentence)


class Refused(EaselError):
    """The gate refused a prompt or a picture; `verdict` says why and by what margin."""

    exit_code = 3

    def __init__(self, verdict: Verdict) -> None:
        super().__init__("; ".join(verdict.reasons) or "Refused by the safety gate.")
        self.verdict = verdict


class PackMissing(EaselError):
    """A pack, or a file of it, is not there."""

    exit_code = 4


class Cancelled(EaselError):
    """The job was cancelled; raised inside the step callback to stop within one step."""

    exit_code = 130


class Failed(EaselError):
    """The work went wrong for a reason that is not the user's input."""


class NotNumbers(Failed):
    """The model produced NaN or infinity; never a black picture, never a safety block."""


class StorageFull(Failed):
    """There is no room left on the disk that holds the home folder."""


class StorageBroken(Failed):
    """The home folder or the database cannot be used."""


class Busy(Failed):
    """Another process kept the database locked for too long."""


class Offline(Failed):
    """The person switched the network off; nothing outside this machine is contacted."""


class WorkerLost(Failed):
    """The worker process crashed, stopped answering or could not start."""

"""Settings: what the person may choose, with its range and default. One field here and one line in docs/settings.md."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from studio.domain.errors import BadInput


@dataclass(frozen=True)
class Settings:
    """Choices that live in the database and travel with the home folder.

    `caution` widens the gate: it is added to every score before the threshold (cosine, 0 to 0.2), so the gate can be made
    stricter and never looser. `previews` says whether a running job draws drafts. `bin_days` is how long deleted artworks stay.
    `rescan_minutes` is how
    long watched folders are left alone while the worker rests, 0 to 1,440; with 0 they are looked at only when somebody asks.
    With `offline` no other machine is ever contacted, so nothing new can be installed from the hub.
    """

    pack: str = "storybook"
    caution: float = 0.0
    previews: bool = True
    bin_days: int = 30
    rescan_minutes: int = 10
    offline: bool = False

    def __post_init__(self) -> None:
        if not (math.isfinite(self.caution) and 0 <= self.caution <= 0.2):
            raise BadInput("caution", "Caution must be between 0 and 0.2: the gate can be made stricter, never looser.")
        if not 1 <= self.bin_days <= 3_650:
            raise BadInput("bin_days", "Deleted artworks stay in the bin for 1 to 3,650 days.")
        if not 0 <= self.rescan_minutes <= 1_440:
            raise BadInput("rescan_minutes", "Watched folders are looked at every 1 to 1,440 minutes; 0 is never.")

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Settings:
        """Read what was stored; fields of another version are ignored, so that an older Easel still opens."""
        known = {field.name for field in dataclasses.fields(cls)}
        return cls(**{name: value for name, value in data.items() if name in known})

    @classmethod
    def from_stored(cls, body: object) -> Settings:
        """Read the database's body; the defaults where there is none or it cannot be read."""
        try:
            return cls.from_dict(body) if isinstance(body, dict) else cls()
        except (BadInput, TypeError):
            return cls()

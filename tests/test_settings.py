"""Settings: their ranges, and that every one of them is in the docs."""

import dataclasses
from pathlib import Path

import pytest

from studio.domain.errors import BadInput
from studio.domain.settings import Settings

DOCS = Path(__file__).parent.parent / "docs" / "settings.md"


def test_the_gate_can_only_be_made_stricter():
    assert Settings(caution=0.1).caution == 0.1
    for bad in (-0.01, 0.5, float("nan")):
        with pytest.raises(BadInput, match="stricter"):
            Settings(caution=bad)


def test_settings_of_another_version_still_open():
    assert Settings.from_dict({"bin_days": 7, "from_the_future": True}).bin_days == 7


@pytest.mark.parametrize("field", dataclasses.fields(Settings), ids=lambda field: field.name)
def test_every_setting_is_documented_with_its_default(field):
    line = next((line for line in DOCS.read_text(encoding="utf-8").splitlines() if f"`{field.name}`" in line), "")
    assert f"`{field.default}`" in line

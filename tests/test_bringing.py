"""How pictures come in together: a few at a time before the gate, staged meanwhile, within bounds, all rows or none."""

import os

import hostile
import pytest
from galleries import everything
from PIL import Image

from studio.domain.artwork import Query
from studio.domain.errors import Cancelled
from studio.safety.intake import sha256
from studio.workshop import bringing
from studio.workshop.bringing import Bringing, Item

SIZE = (24, 16)
PIXELS = SIZE[0] * SIZE[1]


def items(count):
    """So many pictures, none like another, as files that are to come in."""
    found = [hostile.encode(Image.new("RGB", SIZE, (0, number, 60))) for number in range(count)]
    return [Item(f"{number}.png", lambda data=data: data, len(data)) for number, data in enumerate(found)]


class Asked:
    """The gate, and what it was shown at a time; before each look `before` is called with the SHA-256 of the files."""

    def __init__(self, gate, before=lambda shown: None):
        self.gate, self.before, self.shown = gate, before, []

    def files(self, intakes):
        shown = [intake.sha256 for intake in intakes]
        self.before(shown)
        self.shown.append(shown)
        return self.gate.files(intakes)


def brought(gallery, gate, what, **more):
    """All of them in their order, once they are on the disk."""
    return [came for batch in Bringing(gallery=gallery, gate=lambda: gate, **more)(what) for came in batch]


def test_the_gate_is_shown_a_few_at_a_time_and_each_before_it_is_written(gallery, gate, monkeypatch):
    monkeypatch.setattr(bringing, "GATE_PIXELS", 3 * PIXELS)

    def before(shown):
        assert not any(gallery.files.path(f"{sha}.png").exists() for sha in shown), (
            "written before the gate had seen it"
        )

    asked = Asked(gate, before)
    came = brought(gallery, asked, items(20))
    assert [one.item.name for one in came] == [f"{number}.png" for number in range(20)]
    assert all(one.new for one in came) and gallery.count(Query()) == 20 and gallery.check() == []
    assert [sha for shown in asked.shown for sha in shown] == [one.sha256 for one in came]
    assert max(len(shown) for shown in asked.shown) == 3


def test_a_picture_larger_than_what_the_gate_is_shown_together_comes_alone(gallery, gate, monkeypatch):
    monkeypatch.setattr(bringing, "GATE_PIXELS", PIXELS // 2)
    asked = Asked(gate)
    assert all(one.new for one in brought(gallery, asked, items(5)))
    assert [len(shown) for shown in asked.shown] == [1] * 5


def test_who_stops_while_some_are_staged_leaves_nothing_of_them(gallery, gate, monkeypatch):
    monkeypatch.setattr(bringing, "GATE_PIXELS", 2 * PIXELS)

    def stop(shown):
        if len(asked.shown) == 3:
            raise Cancelled("Cancelled.")

    asked = Asked(gate, stop)
    with pytest.raises(Cancelled):
        brought(gallery, asked, items(12))
    assert len(asked.shown) == 3 and everything(gallery.files.home) == [] and gallery.count(Query()) == 0
    assert all(one.new for one in brought(gallery, gate, items(12)))  # and it goes on from there


@pytest.mark.parametrize(("ahead", "most"), [(6, 6), (0.5, 2), (0.5, 0.5)])
def test_what_is_held_stays_within_bounds_and_ends_at_nothing(gallery, gate, monkeypatch, ahead, most):
    monkeypatch.setattr(bringing, "AHEAD_PIXELS", ahead * PIXELS)
    monkeypatch.setattr(bringing, "MOST_PIXELS", most * PIXELS)
    held, made = [], []

    class Watched(bringing._Ahead):
        def __init__(self, *args, **named):
            super().__init__(*args, **named)
            made.append(self)

        def _fill(self, *, wait):
            super()._fill(wait=wait)
            held.append(self._pixels)

    monkeypatch.setattr(bringing, "_Ahead", Watched)
    several = [*items(30), *items(4), Item("broken.png", lambda: b"no picture", 10)]
    came = brought(gallery, gate, several)
    assert sum(one.new for one in came) == 30 and [one.item.name for one in came if one.problem] == ["broken.png"]
    assert most / 2 <= max(held) / PIXELS <= max(most, 1) and made[0]._pixels == 0
    assert all(one.intake is None and one.arrival is None and one.small is None for one in came)


def test_every_file_is_on_the_disk_before_its_row_is_written(gallery, gate, monkeypatch):
    synced, real = [], os.fsync

    def fsync(handle):
        synced.append(os.fstat(handle).st_ino)
        real(handle)

    monkeypatch.setattr("studio.gallery.files.os.fsync", fsync)
    pictures = gallery.files.home / "pictures"
    written = []

    def each(connection, batch):
        assert connection.in_transaction
        for came in batch:
            path = gallery.files.path(f"{came.sha256}.png")
            assert sha256(path.read_bytes()) == came.sha256 and gallery.files.thumb_path(came.sha256).exists()
            assert synced.index(path.stat().st_ino) < last(synced, pictures.stat().st_ino), "its name may be lost"
        written.extend(batch)

    came = brought(gallery, gate, items(20), each=each)
    assert [one.sha256 for one in written] == [one.sha256 for one in came] and len(came) == 20


def last(values, value):
    """Where a value stands last."""
    return len(values) - 1 - values[::-1].index(value)

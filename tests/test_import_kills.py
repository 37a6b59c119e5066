"""An import that is killed fifty times at random, and two imports of one folder at once: nothing is lost, nothing is twice."""

import os
import random
import signal
import time
import warnings

import hostile
import pytest
from PIL import Image
from test_folders import encoded, picture

from studio.database import Database
from studio.domain.artwork import Query
from studio.gallery.coming import folders
from studio.gallery.files import Files
from studio.gallery.gallery import Gallery
from studio.workshop import bringing
from studio.workshop.bringing import Bringing
from studio.workshop.scanning import Tally, scan

KILLS, FILES, BROKEN = 50, 240, 6


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    return hostile.open_gate(tmp_path_factory.mktemp("gate"))


@pytest.fixture
def folder(tmp_path):
    """Many small pictures, some broken files and a refused one among them."""
    root = tmp_path / "pictures of mine"
    for number in range(FILES):
        path = root / str(number % 7) / f"{number}.{('png', 'jpg', 'bmp')[number % 3]}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(picture(number, (32, 32)), ("PNG", "JPEG", "BMP")[number % 3]))
    for number in range(BROKEN - 1):
        (root / f"broken {number}.png").write_bytes(encoded(picture(number, (32, 32)))[: 40 + number])
    (root / "refused.png").write_bytes(encoded(Image.new("RGB", (32, 32), (255, 0, 255))))
    return root


def begin(home, root, gate, *, watch=False, sweep=True):
    """A process that imports the folder, and says after every four files how many are done, at last what it came to."""
    reader, writer = os.pipe()
    with warnings.catch_warnings():  # 3.12 warns of other threads; the child asks nothing of them
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child:
        os.close(writer)
        return child, os.fdopen(reader)
    try:
        bringing.AT_ONCE = 4
        gallery = Gallery(database=Database(home / "easel.db"), files=Files(home))
        if sweep:  # as the worker does when it begins
            gallery.sweep()
        folder, tally = folders.add(gallery.database, root, watched=watch), Tally()
        work = Bringing(gallery=gallery, gate=lambda: gate, anywhere=watch)
        scan(folder, bringing=work, tally=tally, progress=lambda done, total: os.write(writer, b"%d\n" % done) and None)
        os.write(writer, b"%d %d %d\n" % (tally.imported, tally.duplicates, tally.left_out))
        os._exit(0)
    finally:
        os._exit(3)


def ended(child, lines):
    """Wait for a process; returns the last line it wrote, as numbers."""
    with lines:
        last = lines.read().splitlines()[-1]
    assert os.waitpid(child, 0)[1] == 0
    return [int(word) for word in last.split()]


def whole(gallery, *, stored):
    """Every picture once, with its thumbnail, and nothing else in the folders."""
    assert gallery.count(Query()) == FILES
    rows = gallery.database.read("SELECT sha256, source_sha256, place, gone_at FROM artworks")
    assert len({row["source_sha256"] for row in rows}) == FILES
    assert len(gallery.files.stored()) == stored and gallery.files.stored(binned=True) == []
    assert all((row["place"] is None) == bool(stored) and row["gone_at"] is None for row in rows)
    assert all(gallery.files.thumb_path(row["sha256"]).exists() for row in rows)
    assert not list(gallery.files.home.rglob(".tmp*")) and gallery.check() == []


@pytest.mark.parametrize("watch", [False, True], ids=["copied", "watched"])
def test_killed_at_random_moments_an_import_goes_on_where_it_was(home, gallery, folder, gate, watch):
    moments = random.Random(KILLS)
    counts = [0]
    for _ in range(KILLS):
        child, lines = begin(home, folder, gate, watch=watch)
        with lines:
            for _ in range(moments.randint(0, 2)):  # it has begun, or is in the middle of a batch, or between two
                lines.readline()
            time.sleep(moments.uniform(0.0, 0.02))
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        counts.append(gallery.count(Query()))
    assert counts == sorted(counts), "something that was imported went away"
    assert len(set(counts)) > KILLS // 5, "hardly a kill hit work"
    told = ended(*begin(home, folder, gate, watch=watch))
    assert told == [FILES - counts[-1], counts[-1], BROKEN]  # the rest, and no more
    gallery.empty_bin()  # what a kill left between file and row was put there, unseen
    whole(gallery, stored=0 if watch else FILES)


def test_two_processes_import_one_folder_at_once(home, gallery, folder, gate):
    told = [ended(*one) for one in [begin(home, folder, gate, sweep=False) for _ in range(2)]]
    assert [one[0] + one[1] for one in told] == [FILES, FILES] and [one[2] for one in told] == [BROKEN, BROKEN]
    assert sum(one[0] for one in told) == FILES, "each picture was new to one of them"
    whole(gallery, stored=FILES)
    assert gallery.sweep() == []

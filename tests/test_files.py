"""The writer of picture files: whole or not at all, cleared or not at all, under names that the server made."""

import errno
import os
import resource
import stat
from contextlib import contextmanager

import hostile
import pytest
from PIL import Image

from studio.domain.errors import BadInput, StorageBroken, StorageFull
from studio.gallery.coming.importing import files_below, shown_name
from studio.gallery.files import Files, write_whole
from studio.safety.intake import open_picture, sha256
from studio.safety.provenance import GENERATED, read_source_type, xmp_packet


@pytest.fixture
def files(tmp_path):
    return Files(tmp_path)


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    return hostile.open_gate(tmp_path_factory.mktemp("gate"))


def everything(home):
    return sorted(path.relative_to(home).as_posix() for path in home.rglob("*") if path.is_file())


@contextmanager
def room_for(size):
    """Let this process write no file longer than `size` bytes: the kernel itself then refuses, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_picture_is_named_by_its_bytes(files, gate):
    written = files.write(gate.picture(hostile.scene()), text={"parameters": "a star"})
    data = files.path(written.file).read_bytes()
    assert written.file == f"{sha256(data)}.png" and written.sha256 == sha256(data)
    assert (written.width, written.height, written.bytes) == (24, 16, len(data))
    assert open_picture(data).picture.tobytes() == hostile.scene().tobytes()
    assert stat.S_IMODE(files.path(written.file).stat().st_mode) == 0o600


def test_a_kept_original_is_named_by_the_bytes_that_are_stored(files, gate):
    """Its SHA-256 comes along from the gate: of the whole file, or of what was left of a JPEG that told too much."""
    exif = Image.Exif()
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 0.0)})
    picture = hostile.corners()
    for data, as_it_was in (
        (hostile.encode(picture), True),
        (hostile.encode(picture, "JPEG"), True),
        (hostile.encode(picture, "WEBP"), True),
        (hostile.encode(picture, "JPEG", exif=exif), False),
        (hostile.encode(picture, "TIFF"), False),
    ):
        intake = open_picture(data)
        cleared = gate.files([intake, intake])
        one, (other, _) = files.write(cleared[0], text={}), gate.file(data)
        stored = files.path(one.file).read_bytes()
        assert one.sha256 == sha256(stored) and (stored == data) is as_it_was and files.write(other, text={}) == one
        anew = files.write(cleared[1], text={"a": "b"}, anew=True)
        assert anew.sha256 == sha256(files.path(anew.file).read_bytes()) != one.sha256


def test_the_same_pixels_and_text_are_the_same_file(files, gate):
    one = files.write(gate.picture(hostile.scene()), text={"parameters": "a"}, xmp=xmp_packet(GENERATED))
    two = files.write(gate.picture(hostile.scene()), text={"parameters": "a"}, xmp=xmp_packet(GENERATED))
    other = files.write(gate.picture(hostile.scene()), text={"parameters": "b"}, xmp=xmp_packet(GENERATED))
    assert one == two and other.sha256 != one.sha256
    assert len(files.stored()) == 2


def test_text_and_source_type_come_back(files, gate):
    written = files.write(gate.picture(hostile.scene()), text={"parameters": "sky \u2601"}, xmp=xmp_packet(GENERATED))
    text = open_picture(files.path(written.file).read_bytes()).text
    assert text["parameters"] == "sky \u2601"
    assert read_source_type(text["XML:com.adobe.xmp"]) == GENERATED


@pytest.mark.parametrize(("kind", "suffix"), [("PNG", "png"), ("JPEG", "jpg"), ("WEBP", "webp")])
def test_a_plain_original_is_kept_byte_for_byte_under_its_true_type(files, gate, kind, suffix):
    data = hostile.encode(hostile.scene(), kind)
    cleared, _ = gate.file(data)
    written = files.write(cleared, text={"parameters": "ignored"})
    assert written.file == f"{sha256(data)}.{suffix}"
    assert files.path(written.file).read_bytes() == data


@pytest.mark.parametrize(
    "data", [hostile.with_gps("WEBP"), hostile.encode(hostile.scene(), "BMP"), hostile.animated("GIF")]
)
def test_what_may_not_be_kept_is_written_anew_as_a_plain_png(files, gate, data):
    cleared, intake = gate.file(data)
    stored = files.path(files.write(cleared, text={}).file).read_bytes()
    again = open_picture(stored)
    assert (again.format, again.keep) == ("PNG", True)
    assert again.picture.tobytes() == intake.picture.tobytes()
    assert b"GPS" not in stored and b"Exif" not in stored and b"eXIf" not in stored


@pytest.mark.parametrize("thing", [hostile.scene(), b"bytes", None, "cleared"])
def test_nothing_but_a_cleared_picture_is_written(files, tmp_path, thing):
    for write in (
        lambda: files.write(thing, text={}),
        lambda: files.thumb(thing, "0" * 64),
        lambda: files.preview(thing, "1-1"),
    ):
        with pytest.raises(TypeError, match="cleared"):
            write()
    assert everything(tmp_path) == []


@pytest.mark.parametrize(
    "name", [*hostile.NAMES, "..", "%2e%2e%2fx", "0" * 64, f"{'0' * 64}.svg", f"{'0' * 64}.png\n", None]
)
def test_names_that_the_server_did_not_make_are_refused(files, name):
    for path in (files.path, files.preview_path, files.spooled, files.unspool, files.drop, files.to_bin):
        with pytest.raises(BadInput):
            path(name)
    with pytest.raises(BadInput):
        files.thumb_path(f"{name}/")


def test_a_thumbnail_is_small_and_a_preview_is_as_large_as_it_was(files, gate):
    cleared = gate.picture(hostile.corners((800, 400)))
    files.thumb(cleared, "a" * 64)
    with Image.open(files.thumb_path("a" * 64)) as thumb:
        assert (thumb.size, thumb.format) == ((384, 192), "JPEG")
    name = files.preview(cleared, "12-3")
    with Image.open(files.preview_path(name)) as preview:
        assert preview.size == (800, 400)
    files.drop_preview(name)
    files.drop_preview(name)
    assert not files.preview_path(name).exists()


def test_a_full_disk_says_so_and_leaves_nothing(files, gate, tmp_path):
    cleared = gate.picture(hostile.scene(size=(64, 64)))
    for write in (
        lambda: files.write(cleared, text={}),
        lambda: files.thumb(cleared, "a" * 64),
        lambda: files.preview(cleared, "1-1"),
        lambda: files.spool(b"x" * 5_000),
    ):
        with room_for(500), pytest.raises(StorageFull, match="full; free some space"):
            write()
    assert everything(tmp_path) == []
    files.write(cleared, text={})  # and when there is room again, it goes on
    assert len(everything(tmp_path)) == 1


def test_a_thumbnail_of_an_older_easel_is_used_and_goes_with_its_picture(files, gate):
    written = files.write(gate.picture(hostile.corners((800, 400))), text={})
    old = files.home / "thumbs" / f"{written.sha256}.webp"
    old.write_bytes(b"RIFF")
    assert files.thumb_path(written.sha256) == old
    old.unlink()
    again = files.thumb_again(written.file)
    assert (again.suffix, again.exists()) == (".jpg", True) and files.thumb_path(written.sha256) == again
    old.write_bytes(b"RIFF")
    files.drop(written.file)
    assert everything(files.home) == []


def test_a_see_through_picture_has_a_see_through_thumbnail(files, gate):
    picture = Image.new("RGBA", (500, 500), (0, 90, 200, 0))
    picture.paste((0, 90, 200, 255), (0, 0, 250, 500))
    written = files.write(gate.picture(picture), text={})
    assert files.thumb_again(written.file).suffix == ".webp"
    with Image.open(files.thumb_path(written.sha256)) as thumb:
        assert thumb.getpixel((300, 100))[3] == 0 and thumb.getpixel((50, 100))[3] == 255


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_every_word_for_full_is_understood(tmp_path, monkeypatch, number):
    def full(handle):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("studio.gallery.files.os.fsync", full)
    with pytest.raises(StorageFull):
        write_whole(tmp_path / "x", b"data")
    assert everything(tmp_path) == []


def test_a_home_that_vanished_or_is_a_file_says_so(files, gate, tmp_path):
    (tmp_path / "pictures").rmdir()
    with pytest.raises(StorageBroken, match="check the folder"):
        files.write(gate.picture(hostile.scene()), text={})
    nowhere = tmp_path / "file"
    nowhere.touch()
    with pytest.raises(StorageBroken):
        Files(nowhere)


def test_uploads_are_private_and_the_same_file_twice_is_two_uploads(files):
    one, two = files.spool(b"bytes"), files.spool(b"bytes")
    assert one != two and files.spooled(one) == files.spooled(two) == b"bytes"
    assert stat.S_IMODE((files.home / "incoming" / one).stat().st_mode) == 0o600
    files.unspool(one)
    files.unspool(one)
    assert files.spooled(two) == b"bytes"
    with pytest.raises(BadInput, match="upload it again"):
        files.spooled(one)


def test_the_bin_takes_and_gives_back(files, gate):
    file = files.write(gate.picture(hostile.scene()), text={}).file
    data = files.path(file).read_bytes()
    files.to_bin(file)
    files.to_bin(file)
    assert files.stored() == [] and files.stored(binned=True) == [file]
    files.from_bin(file)
    assert files.path(file).read_bytes() == data and files.stored(binned=True) == []
    files.drop(file)
    files.drop(file)
    assert everything(files.home) == []


def test_the_sweep_takes_what_a_crash_left_and_nothing_else(files, gate):
    kept = files.write(gate.picture(hostile.scene()), text={}).file
    awaited, fresh, stale = files.spool(b"awaited"), files.spool(b"fresh"), files.spool(b"stale")
    for name in (awaited, stale):
        os.utime(files.home / "incoming" / name, (1, 1))
    ended, running = 2**22 + 1, os.getppid()  # the first is above the highest process id there can be
    (files.home / "pictures" / f".tmp-{ended}-aa").write_bytes(b"half")
    (files.home / "thumbs" / f".tmp-{os.getpid()}-bb").write_bytes(b"half, by one that had our number before")
    (files.home / "thumbs" / f".tmp-{running}-cc").write_bytes(b"being written")
    (files.home / "thumbs" / f".tmp-{running}-dd").write_bytes(b"by one that had its number before")
    os.utime(files.home / "thumbs" / f".tmp-{running}-dd", (1, 1))
    (files.home / "pictures" / "holiday.txt").write_bytes(b"somebody's own")
    files.preview(gate.picture(hostile.scene()), "1-1")
    files.sweep(uploads={awaited})
    assert everything(files.home) == sorted(
        [
            f"incoming/{awaited}",
            f"incoming/{fresh}",
            f"pictures/{kept}",
            "pictures/holiday.txt",
            f"thumbs/.tmp-{running}-cc",
        ]
    )


def test_a_kill_in_the_middle_of_a_write_leaves_no_picture(files, tmp_path, monkeypatch):
    monkeypatch.setattr("studio.gallery.files.os.fsync", hostile.die)
    hostile.killed(lambda: write_whole(tmp_path / "pictures" / f"{'a' * 64}.png", b"x" * 1_000))
    assert files.stored() == [] and len(everything(tmp_path)) == 1
    files.sweep(uploads=set())
    assert everything(tmp_path) == []


def test_free_space_is_told(files):
    assert files.free() > 0


# --- what an import finds -------------------------------------------------------------------------------------------------


def test_a_folder_is_listed_without_following_links(tmp_path):
    outside, folder = tmp_path / "outside", tmp_path / "folder"
    (folder / "deep" / "deeper").mkdir(parents=True)
    outside.mkdir()
    (outside / "secret.png").touch()
    for name in ("b.png", "a.txt", ".hidden.png", "Thumbs.db", "deep/c.jpg", "deep/deeper/d"):
        (folder / name).touch()
    (folder / ".git").mkdir()
    (folder / ".git" / "e.png").touch()
    (folder / "loop").symlink_to(folder)
    (folder / "out").symlink_to(outside)
    (folder / "link.png").symlink_to(outside / "secret.png")
    os.mkfifo(folder / "pipe.png")
    found = files_below(folder)
    assert found == ["a.txt", "b.png", "link.png", "loop", "out", "pipe.png", "deep/c.jpg", "deep/deeper/d"]
    assert files_below(tmp_path / "gone") == []


@pytest.mark.parametrize("name", hostile.NAMES)
def test_names_are_kept_as_plain_text(name):
    shown = shown_name(name)
    assert len(shown) <= 255 and "/" not in shown and "\\" not in shown
    assert all(sign.isprintable() or sign == "\u200d" for sign in shown)
    shown.encode()


def test_a_usual_name_is_kept_as_it_is():
    assert (
        shown_name("C:\\Users\\me\\Holiday \u00e4\u6f22 \U0001f3d6 (1).png")
        == "Holiday \u00e4\u6f22 \U0001f3d6 (1).png"
    )

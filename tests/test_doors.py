"""A picture that the checker refuses is pushed through every door; no pixel of it may reach a folder that is shown."""

import copy
import dataclasses
import os
import pickle
import struct
import subprocess
import sys
import zlib
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import hostile
import pytest
from fakes import FORBIDDEN, FakeChecker, FakeModels, FakePainter, work
from galleries import imported
from PIL import Image, ImageDraw
from PIL.PngImagePlugin import PngInfo

from studio.domain.artwork import Query
from studio.domain.errors import BadInput, Refused
from studio.domain.recipe import Recipe
from studio.domain.verdict import Cleared, Verdict, require_cleared
from studio.safety.gate import Gate, views
from studio.safety.intake import open_picture
from studio.workshop.reporting import JobReport
from studio.workshop.tools import Tools

GREY = (120, 130, 140)
SHOWN = ("pictures", "thumbs", "previews", "bin")


def bad(size=(64, 64)):
    return Image.new("RGB", size, FORBIDDEN)


def good(size=(64, 64)):
    return Image.new("RGB", size, GREY)


def encoded(picture, format="PNG", **options):
    buffer = BytesIO()
    picture.save(buffer, format, **options)
    return buffer.getvalue()


def refused_by_eye(picture):
    return FakeChecker()([picture])[0]["magenta"] > 0


def shows(picture):
    """Whether some of it is what the checker refuses, whatever it is shown on."""
    rgba = picture.convert("RGBA")
    pixels = {
        (r, g, b) for r, g, b, a in rgba.resize((32, 32), Image.Resampling.NEAREST).get_flattened_data() if a
    }  # fmt: skip
    return any(max(abs(a - b) for a, b in zip(pixel, FORBIDDEN, strict=True)) < 60 for pixel in pixels)


@pytest.fixture
def tools(home, gate):
    made = Tools(home, models=FakeModels(gate, FakePainter(forbidden=(1, 2, 3))))
    yield made
    made.database.close()


def nothing_shown(tools):
    """No picture, thumbnail or preview exists that shows what was refused."""
    for folder in SHOWN:
        for path in (tools.home / folder).iterdir():
            with Image.open(path) as picture:
                for frame in range(getattr(picture, "n_frames", 1)):
                    picture.seek(frame)
                    assert not shows(picture), f"{path.name} in {folder} shows it"
    return True


# ---------------------------------------------------------------- painting


def test_painted_pictures_and_their_drafts(tools):
    outcome = work(tools, "paint", {"recipe": Recipe("a star", steps=3, count=3, seed=1).to_dict()})
    assert outcome.state == "refused" and outcome.result["artworks"] == [] and len(outcome.result["refused"]) == 3
    assert "magenta" in outcome.error
    assert all(
        set(verdict) == {"allowed", "reasons", "margin", "scores", "checker"} for verdict in outcome.result["refused"]
    )
    assert [list((tools.home / folder).iterdir()) for folder in SHOWN] == [[], [], [], []]
    assert tools.gallery.count(Query()) == 0


def test_a_batch_keeps_what_passed_and_counts_what_did_not(tools):
    outcome = work(tools, "paint", {"recipe": Recipe("a star", steps=2, count=3, seed=3).to_dict()})
    assert outcome.state == "done" and len(outcome.result["artworks"]) == 2 and len(outcome.result["refused"]) == 1
    assert nothing_shown(tools) and tools.gallery.count(Query()) == 2
    artworks = tools.gallery.many(outcome.result["artworks"])
    assert all(artwork.caption == "a picture of 128 by 128" for artwork in artworks.values())


def test_a_report_that_is_given_a_bare_draft_shows_nothing(tools):
    job = tools.queue.submit("paint", {"recipe": Recipe("a star").to_dict()})
    tools.queue.claim("paint", "w")
    tools.queue.watch(job.id)
    report = JobReport(job, queue=tools.queue, files=tools.files, alive=lambda: None, stopping=lambda: False)
    report(1, 2, good)  # even a harmless one: nobody checked it
    assert tools.queue.get(job.id).preview == "" and list((tools.home / "previews").iterdir()) == []


# ---------------------------------------------------------------- files


def behind_alpha(hidden, *, alpha=0):
    picture = hidden.convert("RGBA")
    picture.putalpha(alpha)
    return picture


def on_a_ground(ground):
    """See-through everywhere, and forbidden only where the page behind it is of this colour."""
    alpha = 204
    colour = (round((channel - (1 - alpha / 255) * ground) * 255 / alpha) for channel in FORBIDDEN)
    picture = Image.new("RGBA", (64, 64), (*colour, alpha))
    assert not refused_by_eye(picture.convert("RGB"))
    return picture


def animated(format):
    return encoded(good(), format, save_all=True, append_images=[bad()], duration=100, loop=0)


def trailing(format):
    return encoded(good(), format) + encoded(bad(), format)


def with_exif_thumbnail():
    thumbnail = encoded(bad((32, 32)), "JPEG")
    # TIFF header, IFD0 with no entries, IFD1: compression 6, offset and length of a JPEG
    ifd1 = struct.pack("<H", 3) + b"".join(
        struct.pack("<HHII", tag, 4, 1, value) for tag, value in ((0x0103, 6), (0x0201, 56), (0x0202, len(thumbnail)))
    )
    exif = b"Exif\0\0II*\0" + struct.pack("<I", 8) + struct.pack("<HI", 0, 14) + ifd1 + struct.pack("<I", 0)
    exif += b"\0" * (6 + 56 - len(exif)) + thumbnail
    return encoded(good(), "JPEG", exif=exif)


def png_with(name, body):
    data = encoded(good())
    chunk = struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
    return data[:33] + chunk + data[33:]


def long_strip(end):
    strip = good((640, 64))
    strip.paste(bad(), (0 if end == "left" else 576, 0))
    return strip


def with_corner():
    picture = good()
    picture.paste(bad((16, 16)), (48, 48))
    return picture


def our_text():
    info = PngInfo()
    info.add_text("easel", '{"verdict":{"allowed":true}}')
    return info


def swapped():
    """What a profile that swaps red and blue turns into the forbidden colour; without the profile it is harmless here."""
    return Image.new("RGB", (64, 64), FORBIDDEN[::-1])


def lying_profile():
    return hostile.swapped_profile().replace("odd!".encode("utf-16-be"), "sRGB".encode("utf-16-be"))


REFUSED_FILES = {
    "png": encoded(bad()),
    "jpeg": encoded(bad(), "JPEG", quality=95),
    "webp": encoded(bad(), "WEBP", lossless=True),
    "gif": encoded(bad(), "GIF"),
    "bmp": encoded(bad(), "BMP"),
    "tiff": encoded(bad(), "TIFF"),
    "palette": encoded(bad().quantize(4)),
    "invisible, colours kept": encoded(behind_alpha(bad(), alpha=0)),
    "nearly invisible": encoded(behind_alpha(bad(), alpha=1)),
    "only on white": encoded(on_a_ground(255)),
    "only on black": encoded(on_a_ground(0)),
    "a corner": encoded(with_corner()),
    "the left end of a strip": encoded(long_strip("left")),
    "the right end of a strip": encoded(long_strip("right")),
    "a tall strip": encoded(long_strip("left").transpose(Image.Transpose.ROTATE_90)),
    "sideways": encoded(bad((64, 32)), "JPEG", quality=95, exif=hostile.Image.Exif().tobytes()),
    "first frame": encoded(bad(), "GIF", save_all=True, append_images=[good()], duration=9),
    "our own text says it was allowed": encoded(bad(), pnginfo=our_text()),
    "a profile that swaps colours": encoded(swapped(), icc_profile=hostile.swapped_profile()),
    "a profile that swaps colours and says it is srgb": encoded(swapped(), icc_profile=lying_profile()),
}  # fmt: skip
# Harmless to the eye of the gate, with the picture hidden where another reader finds it: let in, but never byte for byte.
STRIPPED_FILES = {
    "second frame of a gif": animated("GIF"),
    "second frame of a png": animated("PNG"),
    "second frame of a webp": animated("WEBP"),
    "second page of a tiff": encoded(good(), "TIFF", save_all=True, append_images=[bad()]),
    "after the end of a png": trailing("PNG"),
    "after the end of a jpeg": trailing("JPEG"),
    "thumbnail of a jpeg": with_exif_thumbnail(),
    "a chunk nobody knows": png_with(b"sKUL", encoded(bad())),
    "gamma that only a browser applies": png_with(b"gAMA", struct.pack(">I", 1)),
    "a profile that nobody can read": encoded(good(), icc_profile=b"\0" * 200),
}


@pytest.mark.parametrize("name", REFUSED_FILES)
def test_files_that_show_it_are_refused_everywhere(tools, tmp_path, name):
    data = REFUSED_FILES[name]
    with pytest.raises(Refused):
        tools.models.gate("", caution=0).file(data)
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "holiday.png").write_bytes(data)
    (folder / "fine.png").write_bytes(encoded(good()))
    result = work(tools, "import", {"folder": str(folder)}).result
    assert (result["imported"], [one["name"] for one in result["skipped"]]) == (1, ["holiday.png"])
    assert "magenta" in result["skipped"][0]["reason"]
    spool = tools.files.spool(data)
    assert work(tools, "import", {"files": [{"spool": spool, "name": "x.png"}]}).result["imported"] == 0
    for kind, payload in (
        ("clear", {"spool": spool, "name": "x.png"}),
        ("caption", {"spool": spool}),
        ("find", {"like": [[f"sha:{spool}", 1.0]]}),
    ):
        with pytest.raises(Refused):
            work(tools, kind, payload)
    assert nothing_shown(tools) and tools.gallery.count(Query()) == 1


@pytest.mark.parametrize("name", STRIPPED_FILES)
def test_what_is_hidden_beside_the_picture_never_arrives(tools, name):
    data = STRIPPED_FILES[name]
    cleared, intake = tools.models.gate("", caution=0).file(data)
    assert cleared.original != data
    artwork = imported(tools.gallery, cleared, source_name="x", source_sha256=intake.sha256, text=intake.text)
    stored = tools.gallery.path(artwork).read_bytes()
    again = open_picture(stored)
    assert again.frames == 1 and not shows(again.picture) and again.keep
    for format in ("PNG", "JPEG"):  # neither the hidden picture nor a piece from its middle
        piece = encoded(bad(), format)[-60:-20]
        assert piece not in stored
    assert nothing_shown(tools)


def test_an_honest_file_is_kept_byte_for_byte(tools):
    data = encoded(good(), "JPEG", quality=95)
    cleared, _ = tools.models.gate("", caution=0).file(data)
    assert tools.gallery.path(tools.gallery.add(cleared, kind="imported")).read_bytes() == data


def test_a_cleared_upload_shows_a_small_picture_that_was_checked_too(tools, gate):
    large = good((900, 700))
    ImageDraw.Draw(large).point([(x, y) for x in range(0, 900, 40) for y in range(0, 700, 40)], FORBIDDEN)
    outcome = work(tools, "clear", {"spool": tools.files.spool(encoded(large)), "name": "x.png"})
    with Image.open(tools.files.preview_path(outcome.result["preview"])) as shown:
        assert max(shown.size) == 384
        gate.picture(shown.convert("RGB"))
    assert outcome.result["verdict"]["allowed"] is True


# ---------------------------------------------------------------- guided editing


@pytest.fixture
def source(tools, gate):
    """A harmless picture to work on."""
    return tools.gallery.add(gate.picture(good()), Recipe("a house"))


def white():
    return encoded(Image.new("L", (64, 64), 255))


def editing(source, seed):
    """A recipe of every task that works on a picture."""
    fields = {"source": source.sha256, "seed": seed, "steps": 2}
    return {
        "vary": Recipe("a star", task="vary", **fields),
        "inpaint": Recipe("a star", task="inpaint", mask=open_picture(white()).sha256, **fields),
        "outpaint": Recipe("a star", task="outpaint", extend=(8, 0, 0, 0), **fields),
        "enlarge": Recipe("", task="enlarge", factor=2, **fields),
    }


@pytest.mark.parametrize("task", ["vary", "inpaint", "outpaint", "enlarge"])
@pytest.mark.parametrize("keep", [True, False])
def test_a_result_that_is_refused_is_neither_kept_nor_proposed(tools, source, task, keep):
    payload = {"recipe": editing(source, 1)[task].to_dict(), "spools": [tools.files.spool(white())], "keep": keep}
    outcome = work(tools, "paint", payload)
    assert outcome.state == "refused" and outcome.result["artworks"] == [] and "outside" not in outcome.result
    assert nothing_shown(tools) and tools.gallery.count(Query(kind="proposal")) == 0
    assert tools.gallery.page(Query()) == [source]


@pytest.mark.parametrize("task", ["vary", "inpaint", "outpaint", "enlarge"])
def test_a_source_changed_behind_the_gates_back_is_not_worked_on(tools, source, task):
    tools.gallery.path(source).write_bytes(encoded(bad()))
    painter = tools.models._painter
    payload = {"recipe": editing(source, 9)[task].to_dict(), "spools": [tools.files.spool(white())], "keep": True}
    with pytest.raises(BadInput, match="source is gone or was changed"):
        work(tools, "paint", payload)
    assert painter.steps_seen == [] and tools.gallery.count(Query()) == 1


@pytest.mark.parametrize("name", REFUSED_FILES)
def test_masks_maps_and_overlays_that_show_it_are_refused(tools, source, name):
    data = REFUSED_FILES[name]
    spool = tools.files.spool(data)
    recipe = Recipe("a star", task="inpaint", source=source.sha256, mask=open_picture(data).sha256, steps=1, seed=9)
    with pytest.raises(Refused, match="The mask was refused"):
        work(tools, "paint", {"recipe": recipe.to_dict(), "spools": [spool], "keep": False})
    drawn = {
        "parameters": {}, "figures": None, "size": None, "overlay": "", "keep": True, "as_is": True, "pack": "storybook",
    }  # fmt: skip
    for kind in ("pose", "scribble"):  # a ready map
        with pytest.raises(Refused):
            work(tools, "annotate", {**drawn, "kind": kind, "source": f"sha:{spool}"})
    with pytest.raises(Refused):  # a picture to draw one from
        work(tools, "annotate", {**drawn, "kind": "canny", "source": f"sha:{spool}", "as_is": False})
    with pytest.raises(Refused):  # brushed over a map
        work(tools, "annotate", {**drawn, "kind": "scribble", "source": f"id:{source.id}", "overlay": spool})
    with pytest.raises(Refused):  # to find in it what words name
        work(tools, "select", {"source": f"sha:{spool}", "words": "a star", "pack": "storybook"})
    assert nothing_shown(tools) and tools.gallery.page(Query()) == [source]
    assert tools.gallery.count(Query(kind="mask")) == tools.gallery.count(Query(kind="proposal")) == 0


def test_a_map_that_shows_it_only_when_it_is_drawn_is_refused(tools, gate):
    """The strokes are harmless on white, black and grey, and so is the map; together they are not."""
    ground = (250, 20, 10)
    source = tools.gallery.add(gate.picture(Image.new("RGB", (64, 64), ground)), Recipe("a fire"))
    half = Image.new("RGBA", (64, 64), (*(2 * one - under for one, under in zip(FORBIDDEN, ground, strict=True)), 128))
    harmless = [FakeChecker()([view])[0]["magenta"] <= 0 for view in views(half)]
    payload = {
        "kind": "scribble", "source": f"id:{source.id}", "parameters": {}, "figures": None, "size": None,
        "overlay": tools.files.spool(encoded(half)), "keep": True, "as_is": True, "pack": "storybook",
    }  # fmt: skip
    assert all(harmless)
    with pytest.raises(Refused):
        work(tools, "annotate", payload)
    assert nothing_shown(tools) and tools.gallery.count(Query(kind="map")) == 0


# ---------------------------------------------------------------- Cleared itself


def test_a_clearance_cannot_be_made_by_hand():
    for seal in (object(), None, True, "SEAL"):
        with pytest.raises(TypeError):
            Cleared(bad(), Verdict(allowed=True), seal=seal)
    with pytest.raises(TypeError):
        require_cleared(object.__new__(Cleared))
    with pytest.raises(TypeError):

        class Own(Cleared):  # type: ignore[misc]
            pass


def test_a_clearance_cannot_be_changed_copied_or_sent(gate):
    cleared = gate.picture(good())
    for name in ("_pixels", "_verdict", "picture", "anything"):
        with pytest.raises((AttributeError, TypeError)):
            setattr(cleared, name, bad().tobytes())
    for leak in (copy.copy, copy.deepcopy, pickle.dumps, dataclasses.replace):
        with pytest.raises(TypeError):
            leak(cleared)


def test_painting_over_a_picture_after_it_was_cleared_changes_nothing(gate, files):
    mine = good()
    cleared = gate.picture(mine)
    mine.paste(bad(), (0, 0))
    cleared.picture.paste(bad(), (0, 0))
    assert cleared.picture.tobytes() == good().tobytes()
    files.preview(cleared, "p")
    with Image.open(files.preview_path("p.webp")) as shown:
        assert not shows(shown)


def test_painting_over_it_while_it_is_judged_changes_nothing(known_positive):
    mine = good()

    class Sly:
        name = "sly"

        def __call__(self, pictures):
            scores = [{"a": 0.5 if shows(picture) else -0.5} for picture in pictures]
            mine.paste(bad(), (0, 0))
            return scores

    cleared = Gate(checker=Sly(), known_positive=known_positive).picture(mine if not shows(mine) else good())
    assert cleared.picture.tobytes() == good().tobytes()


@pytest.mark.parametrize("thing", ["picture", "bytes", "verdict", "lookalike", "empty shell", "none"])
def test_every_writer_takes_cleared_and_nothing_else(files, gallery, gate, thing):
    lookalike = SimpleNamespace(
        picture=bad(), size=(64, 64), verdict=Verdict(allowed=True), original=None, _seal=object()
    )
    value = {
        "picture": bad(), "bytes": encoded(bad()), "verdict": Verdict(allowed=True), "lookalike": lookalike,
        "empty shell": object.__new__(Cleared), "none": None,
    }[thing]  # fmt: skip
    for write in (
        lambda: files.write(value, text={}),
        lambda: files.thumb(value, "0" * 64),
        lambda: files.preview(value, "p"),
        lambda: gallery.add(value, Recipe("a star")),
    ):
        with pytest.raises(TypeError):
            write()
    assert all(list((files.home / folder).iterdir()) == [] for folder in SHOWN)


# ---------------------------------------------------------------- names, folders, the sweep


def test_spooled_files_have_no_door_of_their_own(tools):
    spool = tools.files.spool(encoded(bad()))
    for name in (spool, f"../incoming/{spool}", "../incoming"):
        for path in (tools.files.path, tools.files.preview_path, tools.files.thumb_path):
            with pytest.raises(BadInput):
                path(name)
    assert (tools.home / "incoming" / spool).stat().st_mode & 0o077 == 0


def test_a_file_dropped_into_the_folder_is_not_shown(tools):
    data = encoded(bad())
    for name in ("x.png", f"{open_picture(data).sha256}.png"):
        (tools.home / "pictures" / name).write_bytes(data)
    tools.gallery.sweep()
    assert tools.gallery.count(Query()) == 0 and tools.gallery.page(Query()) == []


def test_links_and_pipes_of_an_imported_folder(tools, tmp_path):
    secret = tmp_path / "secret.png"
    secret.write_bytes(encoded(bad()))
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "link.png").symlink_to(secret)
    (folder / "loop").symlink_to(folder)
    os.mkfifo(folder / "pipe.png")
    (folder / "x.png").mkdir()
    result = work(tools, "import", {"folder": str(folder)}).result
    assert result["imported"] == 0 and {one["name"] for one in result["skipped"]} == {"link.png", "loop", "pipe.png"}


# ---------------------------------------------------------------- HTTP and the terminal


def test_http_gives_nothing_of_what_was_refused(home, tools):
    from starlette.applications import Starlette
    from starlette.testclient import TestClient

    from studio.api import routes
    from studio.app import open_studio

    data = encoded(bad())
    spool = tools.files.spool(data)
    (home / "pictures" / f"{open_picture(data).sha256}.png").write_bytes(data)
    work(tools, "paint", {"recipe": Recipe("a star", steps=2, count=3, seed=3).to_dict()})  # one refused, two saved
    studio = open_studio(home)
    browser = TestClient(Starlette(routes=routes(lambda: studio)), base_url="http://127.0.0.1")
    names = ["1", "2", "3", "0", "-1", spool, open_picture(data).sha256, f"..%2fincoming%2f{spool}", f"{spool}.webp"]
    doors = ("pictures", "thumbs", "previews", "shown", "pose")
    answers = [browser.get(f"/{door}/{name}{'.json' * (door == 'pose')}") for door in doors for name in names]
    pictures = [answer for answer in answers if answer.status_code == 200]
    assert len(pictures) == 6  # two artworks, each with its thumbnail and as an editor shows it
    for answer in pictures:
        with Image.open(BytesIO(answer.content)) as picture:
            assert not shows(picture)
    assert all(data not in answer.content for answer in answers)
    studio.close()


def test_the_terminal_refuses_a_file_and_shows_no_pixel(shared_studio, session_home, tmp_path):
    """The real checker and the real worker: the known positive, asked about in every way the terminal has."""
    skull = Path(__file__).parent.parent / "assets" / "safety" / "known-positive.png"
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "skull.png").write_bytes(skull.read_bytes())
    before = {path.name for part in SHOWN for path in (session_home / part).iterdir()}
    fine = shared_studio.wait(shared_studio.import_files([(encoded(good()), "fine.png")]).id).result["ids"][0]
    grey = shared_studio.gallery.get(fine)
    before |= {path.name for part in SHOWN for path in (session_home / part).iterdir() if grey.sha256 in path.name}
    for words, code in (
        (["caption", skull], 3), (["find", "--like", skull], 3), (["import", folder], 0),
        (["paint", "a star", "--source", skull, "--strength", "0.4"], 3),
        (["paint", "a star", "--source", skull, "--extend", "left=8"], 3),
        (["paint", "a star", "--control", f"pose={skull}:0.8"], 3),
        (["annotate", skull, "--kind", "canny"], 3), (["enlarge", skull, "--method", "nearest"], 3),
    ):  # fmt: skip
        answer = subprocess.run(
            [sys.executable, "-m", "studio", *map(str, words), "--json"], cwd=Path(__file__).parent.parent,
            env={**os.environ, "EASEL_HOME": str(session_home)}, capture_output=True, text=True, timeout=180, check=False,
        )  # fmt: skip
        assert answer.returncode == code, answer.stderr
        assert "skull" in answer.stdout + answer.stderr
    assert {path.name for part in SHOWN for path in (session_home / part).iterdir()} == before

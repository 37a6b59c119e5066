"""`forecast` in the terminal: bytes, seconds, and the options that make it fit; it queues nothing."""

import json

import pytest
from PIL import Image

from studio.app import open_studio
from studio.cli import main
from studio.domain.recipe import Recipe
from studio.jobs import memory
from studio.packs.needs import Place, needs


@pytest.fixture
def studio(begun_home, monkeypatch):
    monkeypatch.setenv("EASEL_HOME", str(begun_home))
    opened = open_studio(begun_home)
    yield opened
    assert opened.queue.count() == 0
    opened.close()


def told(studio, free):
    memory.tell(studio.database, {"kind": "cuda", "pid": 1, "free": free, "total": 8 << 30, "own": 0, "held": {}})


def test_before_a_worker_spoke_it_says_so(studio, capsys):
    assert main(["forecast", "a ball"]) == 5
    assert "paint one picture" in capsys.readouterr().err


def test_it_says_what_it_takes(studio, capsys):
    told(studio, 4 << 30)
    assert main(["forecast", "a ball", "--count", "4", "--json"]) == 0
    body = json.loads(capsys.readouterr().out)
    assert body["fits"] and 0 < body["needed"] < body["free"] == 4 << 30 and body["ways"] == []
    assert body["seconds"] is None and body["device"] == "cuda"


def test_where_it_does_not_fit_it_names_options_that_help(studio, capsys):
    large = needs(Recipe("a ball", width=1024, height=1024), studio.shelf, Place("cuda", 1 << 30))
    told(studio, large.total - 1)
    words = ["forecast", "a ball", "--size", "1024x1024"]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "of free memory." in said and "may not fit" in said and "--size 768x768" in said and "--offload (" in said
    assert main([*words, "--offload", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["fits"]


def test_a_source_is_reckoned_with_as_paint_will_take_it(studio, capsys, tmp_path, gate):
    told(studio, 4 << 30)
    manifest = studio.shelf.get("storybook").manifest
    wide, high = shape = next(size for size in manifest.sizes if size[0] > size[1])
    picture = Image.new("RGB", (wide * 2, high * 2), "teal")
    picture.save(tmp_path / "wide.png")
    artwork = studio.gallery.add(gate.picture(picture), kind="imported")
    place, seen = studio.foresight().place, []
    for source in (str(tmp_path / "wide.png"), str(artwork.id)):
        for more, fields in (
            ([], {"task": "vary", "strength": 0.55}),
            (["--extend", "left=64"], {"task": "outpaint", "extend": (64, 0, 0, 0)}),
        ):
            assert main(["forecast", "a ball", "--source", source, *more, "--json"]) == 0
            recipe = Recipe("a ball", width=wide, height=high, source="0" * 64, **fields)
            as_painted = needs(recipe, studio.shelf, place, source_size=picture.size)
            assert json.loads(capsys.readouterr().out)["needed"] == as_painted.total
            seen.append(as_painted.total)
    other = needs(Recipe("a ball"), studio.shelf, place).total
    assert shape != manifest.size and other not in seen, "the pack's own size would say something else"
    assert main(["forecast", "a ball", "--source", str(tmp_path / "gone.png")]) == 2
    assert "gone.png" in capsys.readouterr().err


def test_a_wish_that_is_none_is_refused(studio, capsys):
    told(studio, 4 << 30)
    assert main(["forecast", "a ball", "--count", "99"]) == 2
    assert main(["forecast", "a ball", "--pack", "nowhere"]) == 4

"""Guided editing at the terminal, with the real worker and pack: annotate, vary, fill, extend, enlarge, follow a map."""

import json
from pathlib import Path

import pytest
from PIL import Image, ImageDraw
from test_cli import run as run_once

from studio.domain.errors import BadInput
from studio.domain.pose import presets, to_openpose
from studio.terminal.guiding import read_control

BUSY = 600  # seconds: a worker's first start on a busy machine is part of the first command
STEPS = ("--steps", 2, "--json")


def run(home, *words):
    """One command, with patience."""
    return run_once(home, *words, timeout=BUSY)


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    """A little scene as a stranger's file."""
    path = tmp_path_factory.mktemp("guided") / "scene.png"
    scene = Image.new("RGB", (128, 128), "skyblue")
    draw = ImageDraw.Draw(scene)
    draw.rectangle((0, 90, 128, 128), "seagreen")
    draw.ellipse((50, 40, 80, 70), "gold")
    scene.save(path)
    return path


@pytest.fixture(scope="module")
def edges(shared_studio, session_home, picture):
    code, answer, complaint = run(
        session_home,
        "annotate",
        picture,
        "--kind",
        "canny",
        "--set",
        "low=50",
        "--out",
        picture.parent / "out",
        "--json",
    )
    assert code == 0, complaint
    return answer["map"]


def test_annotate_keeps_the_map_with_its_parent_and_copies_it_out(shared_studio, edges, picture):
    assert set(edges) == {"id", "path", "sha256", "kind", "width", "height", "figures"}
    assert (edges["kind"], edges["width"], edges["height"], edges["figures"]) == ("canny", 128, 128, [])
    assert (picture.parent / "out" / Path(edges["path"]).name).read_bytes() == Path(edges["path"]).read_bytes()
    kept = shared_studio.gallery.get(edges["id"])
    assert kept.kind == "map" and kept.map.parameters["low"] == 50 and kept.caption.startswith("edges map of")
    (parent,) = shared_studio.gallery.parents(kept.id)
    assert parent.artwork.kind == "imported" and parent.artwork.source_name == "scene.png"


def test_fill_changes_nothing_outside_the_mask(shared_studio, session_home, picture):
    mask = picture.parent / "mask.png"
    grey = Image.new("L", (64, 64))
    ImageDraw.Draw(grey).ellipse((22, 18, 42, 38), 255)
    grey.save(mask)
    code, answer, said = run(
        session_home, "paint", "a red star", "--source", picture, "--mask", mask, "--seed", 1, *STEPS
    )
    assert code == 0 and "brought to the source's size" in said
    (made,) = answer["artworks"]
    assert answer["outside"] == {str(made["id"]): 0} and (made["width"], made["height"]) == (128, 128)
    kept = shared_studio.gallery.get(made["id"])
    assert kept.kind == "painted" and {one.role for one in shared_studio.gallery.parents(kept.id)} == {"source", "mask"}
    assert list((session_home / "incoming").glob(f"{kept.recipe.mask}*")) == []
    tall = picture.parent / "tall.png"
    grey.resize((64, 128)).save(tall)
    code, answer, _ = run(session_home, "paint", "a star", "--source", picture, "--mask", tall, *STEPS)
    assert code == 2 and answer["error"]["field"] == "mask" and "shape" in answer["error"]["message"]


def test_words_select_what_is_filled(shared_studio, session_home, picture):
    code, answer, said = run(
        session_home, "paint", "a red star", "--source", picture, "--select", "the yellow ball", "--seed", 1, *STEPS
    )
    assert code == 0 and "'the yellow ball' is" in said
    (made,) = answer["artworks"]
    assert answer["outside"] == {str(made["id"]): 0}
    (mask,) = (one for one in shared_studio.gallery.parents(made["id"]) if one.role == "mask")
    with Image.open(shared_studio.gallery.path(mask.artwork)) as opened:
        grey = opened.convert("L")
    assert grey.size == (128, 128) and grey.getpixel((65, 55)) == 255
    assert {grey.getpixel(corner) for corner in ((2, 2), (125, 2), (2, 125), (125, 125))} == {0}


def test_vary_extend_and_enlarge(session_home, picture):
    code, varied, complaint = run(session_home, "paint", "a night", "--source", picture, "--strength", 0.3, *STEPS)
    assert code == 0, complaint
    code, answer, _ = run(
        session_home, "paint", "a sea", "--source", varied["artworks"][0]["id"], "--extend", "left=32", *STEPS
    )
    (made,) = answer["artworks"]
    assert code == 0 and (made["width"], made["height"]) == (160, 128) and answer["outside"] == {str(made["id"]): 0}
    code, answer, _ = run(session_home, "enlarge", picture, "--factor", 2, "--method", "lanczos", "--json")
    assert code == 0 and answer["artworks"][0]["width"] == 256


def test_a_pose_from_openpose_guides_a_picture(shared_studio, session_home, picture):
    if "control-pose" not in shared_studio.shelf.get("storybook").manifest.roles:
        pytest.skip("the pack has no control for poses yet")
    file = picture.parent / "waving.json"
    file.write_text(to_openpose((presets()["Waving"],), 128, 128))
    code, answer, complaint = run(
        session_home, "paint", "a person at sea", "--control", f"pose={file}:0.9:0:0.8", *STEPS
    )
    assert code == 0, complaint
    recipe = shared_studio.gallery.get(answer["artworks"][0]["id"]).recipe
    (control,) = recipe.controls
    assert (control.kind, control.weight, control.start, control.end) == ("pose", 0.9, 0.0, 0.8)
    drawn = shared_studio.gallery.by_sha(control.source)
    assert drawn.kind == "map" and len(drawn.map.figures) == 1
    code, again, _ = run(session_home, "paint", "a person at sea", "--control", f"pose={drawn.id}", *STEPS)
    assert (
        code == 0 and shared_studio.gallery.get(again["artworks"][0]["id"]).recipe.controls[0].source == control.source
    )


@pytest.mark.parametrize(
    "case",
    [
        (2, "source", ["paint", "a star", "--mask", "x.png"]),
        (2, "source", ["paint", "a star", "--strength", "0.5"]),
        (2, "file", ["paint", "a star", "--source", "not-there.png"]),
        (2, "artwork", ["paint", "a star", "--source", "999"]),
        (2, "extend", ["paint", "a star", "--source", "README.md", "--extend", "left=7"]),
        (2, "extend", ["paint", "a star", "--source", "README.md", "--extend", "up=8"]),
        (2, "extend", ["paint", "a star", "--source", "README.md", "--extend", "left=8", "--mask", "README.md"]),
        (2, "source", ["paint", "a star", "--select", "the sun"]),
        (2, "select", ["paint", "a star", "--source", "README.md", "--select", "  "]),
        (2, "select", ["paint", "a star", "--source", "README.md", "--select", "x" * 9_000]),
        (2, "select", ["paint", "a star", "--source", "README.md", "--select", "it", "--mask", "README.md"]),
        (2, "extend", ["paint", "a star", "--source", "README.md", "--select", "it", "--extend", "left=8"]),
        (2, "strength", ["paint", "a star", "--source", "README.md", "--strength", "2"]),
        (2, "controls", ["paint", "a star", "--control", "pose"]),
        (2, "controls", ["paint", "a star", "--control", "magic=README.md"]),
        (4, None, ["paint", "a star", "--control", "lineart=README.md"]),
        (2, "factor", ["enlarge", "README.md", "--factor", "3"]),
        (2, "low", ["annotate", "README.md", "--kind", "canny", "--set", "low=999"]),
        (2, "controls", ["annotate", "README.md", "--kind", "magic"]),
    ],
)
def test_bad_input_says_what_and_queues_nothing(tmp_path, capsys, monkeypatch, case):
    code, field, words = case
    from studio.app import open_studio
    from studio.cli import main

    monkeypatch.setenv("EASEL_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(Path(__file__).parent.parent)
    assert main([*words, "--json"]) == code
    out, said = capsys.readouterr()
    answer = json.loads(out)
    assert answer["error"]["field"] == field and said.strip().endswith(".")
    studio = open_studio(tmp_path / "home")
    assert studio.queue.count() == 0 and list((tmp_path / "home" / "incoming").iterdir()) == []
    studio.close()


def test_a_control_reads_its_numbers_from_the_end(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert (read_control("pose=a.png", "balanced").file, read_control("pose=a.png", "balanced").weight) == (
        "a.png",
        1.0,
    )
    one = read_control("depth=C:/a b.png:0.5:0.1:0.9", "prompt")
    assert (one.file, one.weight, one.start, one.end, one.balance) == ("C:/a b.png", 0.5, 0.1, 0.9, "prompt")
    (tmp_path / "odd:2").touch()
    assert read_control("pose=odd:2", "balanced").file == "odd:2"
    with pytest.raises(BadInput, match="looks like"):
        read_control("pose=", "balanced")

"""The tasks that draw maps and find things by words, with the starter pack's own models and its own gate."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fakes import work
from galleries import imported
from PIL import Image

from studio.domain.artwork import Artwork
from studio.domain.errors import BadInput, PackMissing
from studio.domain.pose import presets
from studio.gallery.encoding import plain_png
from studio.packs.shelf import open_shelf
from studio.starter.scenes import LABEL_FIRST, LABEL_PERSON, TEST_SEEDS, Scene, render, sample_scene
from studio.workshop.models import Models
from studio.workshop.tools import Tools

START = TEST_SEEDS.start + 910_000


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    """The starter pack's models, loaded once for this file."""
    return Models(open_shelf(tmp_path_factory.mktemp("shelf")))


@pytest.fixture
def tools(home: Path, models: Models) -> Iterator[Tools]:
    made = Tools(home, models=models)
    yield made
    made.database.close()


def scene_with(*, person: bool) -> Scene:
    """A held-out scene with one thing and, as asked, a person beside it or not."""
    found = map(sample_scene, range(START, START + 200))
    return next(one for one in found if bool(one.person) == person and len(one.things) == 1)


def brought(tools: Tools, picture: np.ndarray | Image.Image, **more: object) -> Artwork:
    """A picture in the gallery, through the gate."""
    shown = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    return imported(tools.gallery, tools.gate("storybook").picture(shown), **more)


def asked(source: str, kind: str, **more: object) -> dict[str, object]:
    return {"source": source, "kind": kind, "parameters": {}, "figures": None, "pack": "storybook", **more}


def shown(tools: Tools, result: dict[str, object]) -> np.ndarray:
    with Image.open(tools.files.preview_path(str(result["preview"]))) as picture:
        return np.asarray(picture.convert("RGB"))


def test_a_pose_is_found_kept_and_comes_back_with_its_figures(tools: Tools) -> None:
    scene = scene_with(person=True)
    assert scene.person is not None
    parent = brought(tools, render(scene).picture)
    result = work(tools, "annotate", asked(f"id:{parent.id}", "pose", keep=True)).result
    (figure,) = result["figures"]
    near = [
        abs(one[0] - x) < 0.05 and abs(one[1] - y) < 0.05
        for one, (x, y, _) in zip(figure, scene.person.keypoints, strict=True)
        if one is not None
    ]
    assert sum(near) >= 16 and result["note"] == ""
    kept = tools.gallery.get(result["artwork"])
    assert kept.kind == "map" and kept.map is not None and kept.map.kind == "pose" and len(kept.map.figures) == 1
    assert kept.parents == (parent.sha256,) and (kept.width, kept.height) == (128, 128)
    again = work(tools, "annotate", asked(f"id:{kept.id}", "pose", as_is=True, keep=True)).result
    assert again["artwork"] == kept.id and again["figures"] == result["figures"]
    data = tools.gallery.path(kept).read_bytes()  # the same map, saved elsewhere and brought back
    spool = tools.files.spool(data)
    assert work(tools, "annotate", asked(f"sha:{spool}", "pose", as_is=True)).result["figures"] == result["figures"]


def test_two_figures_are_two(tools: Tools) -> None:
    people = [one for one in map(sample_scene, range(START, START + 400)) if one.person and not one.things]
    left = next(one for one in people if one.person and one.person.keypoints[1][0] < 0.4)
    right = next(one for one in people if one.person and one.person.keypoints[1][0] > 0.6)
    wide = Image.new("RGB", (256, 128))
    wide.paste(Image.fromarray(render(left).picture), (0, 0))
    wide.paste(Image.fromarray(render(right).picture), (128, 0))
    result = work(tools, "annotate", asked(f"id:{brought(tools, wide).id}", "pose")).result
    assert len(result["figures"]) == 2 and result["artwork"] is None


def test_nobody_is_said_and_not_an_error(tools: Tools) -> None:
    parent = brought(tools, render(scene_with(person=False)).picture)
    result = work(tools, "annotate", asked(f"id:{parent.id}", "pose")).result
    assert result["figures"] == [] and "place one in the pose editor" in result["note"]


def test_a_pose_from_nothing_needs_only_a_size(tools: Tools) -> None:
    figure = [list(point) if point else None for point in presets()["Waving"]]
    result = work(tools, "annotate", asked("", "pose", figures=[figure], size=[192, 128])).result
    map = shown(tools, result)
    assert map.shape == (128, 192, 3) and map.max() > 150 and float((map.max(axis=2) == 0).mean()) > 0.8
    with pytest.raises(BadInput, match="how large"):
        work(tools, "annotate", asked("", "pose", figures=[figure]))
    with pytest.raises(BadInput, match="Choose a picture"):
        work(tools, "annotate", asked("", "canny"))


def test_near_things_are_bright_in_the_depth_map_and_a_slider_changes_it(tools: Tools) -> None:
    made = render(scene_with(person=True))
    source = f"id:{brought(tools, made.picture).id}"
    map = shown(tools, work(tools, "annotate", asked(source, "depth")).result)[..., 0]
    assert map[made.labels == LABEL_PERSON].mean() > map[made.labels == 0].mean() + 60
    other = shown(tools, work(tools, "annotate", asked(source, "depth", parameters={"invert": 1})).result)[..., 0]
    assert np.abs(other.astype(int) + map - 255).mean() < 6  # previews are WebP


def test_what_is_brushed_over_a_map_is_in_it(tools: Tools) -> None:
    layer = Image.new("RGBA", (128, 128))
    layer.paste((255, 255, 255, 255), (10, 10, 30, 30))
    stream = io.BytesIO()
    layer.save(stream, "PNG")
    spool = tools.files.spool(stream.getvalue())
    plain = brought(tools, Image.new("RGB", (128, 128), "teal"))
    result = work(tools, "annotate", asked(f"id:{plain.id}", "canny", overlay=spool, keep=True)).result
    kept = np.asarray(Image.open(tools.gallery.path(tools.gallery.get(result["artwork"]))).convert("L"))
    assert kept[10:30, 10:30].min() == 255 and kept.sum() == 255 * 400


@pytest.mark.parametrize("mode", ["RGBA", "L", "I;16", "P", "CMYK"])
def test_pictures_of_every_mode_become_maps(tools: Tools, mode: str) -> None:
    picture = Image.fromarray(render(scene_with(person=False)).picture)
    if mode == "I;16":
        picture = Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257)
    elif mode == "RGBA":
        picture.putalpha(200)
    else:
        picture = picture.convert(mode)
    stream = io.BytesIO()
    picture.save(stream, "TIFF" if mode == "CMYK" else "PNG")
    result = work(tools, "annotate", asked(f"sha:{tools.files.spool(stream.getvalue())}", "canny")).result
    assert shown(tools, result).shape == (128, 128, 3)


def test_a_kind_without_its_pack_says_what_is_missing(tools: Tools) -> None:
    parent = brought(tools, render(scene_with(person=False)).picture)
    with pytest.raises(PackMissing, match="Shelf"):
        work(tools, "annotate", asked(f"id:{parent.id}", "segmentation"))


def test_a_file_that_was_swapped_on_the_disk_is_not_looked_at(tools: Tools) -> None:
    parent = brought(tools, render(scene_with(person=False)).picture)
    tools.gallery.path(parent).write_bytes(plain_png(Image.new("RGB", (9, 9))))
    for kind, payload in (
        ("annotate", asked(f"id:{parent.id}", "canny")),
        ("select", {"source": f"id:{parent.id}", "words": "a star", "pack": "storybook"}),
    ):
        with pytest.raises(BadInput, match="was changed"):
            work(tools, kind, payload)


def test_words_select_the_thing_they_name(tools: Tools) -> None:
    overlaps = []
    for scene in [one for one in map(sample_scene, range(START, START + 60)) if len(one.things) == 1][:8]:
        made, thing = render(scene), scene.things[0]
        parent = brought(tools, made.picture)
        words = f"the {thing.colour} {thing.kind}"
        result = work(tools, "select", {"source": f"id:{parent.id}", "words": words, "pack": "storybook"}).result
        truth = made.labels == LABEL_FIRST
        mask = shown(tools, result)[..., 0] > 127 if result["preview"] else np.zeros_like(truth)
        overlaps.append((mask & truth).sum() / (mask | truth).sum())
        assert result["share"] == pytest.approx(mask.mean(), abs=0.02)
    assert np.median(overlaps) > 0.6


def test_words_that_fit_nothing_say_so(tools: Tools) -> None:
    parent = brought(tools, Image.new("RGB", (128, 128), "teal"))
    result = work(tools, "select", {"source": f"id:{parent.id}", "words": "the red star", "pack": "storybook"}).result
    assert result["preview"] == "" and result["share"] == 0 and "“the red star”" in result["note"]


def test_maps_and_masks_of_harmless_scenes_pass_the_gate(tools: Tools) -> None:
    """Black and white pictures once came out as signs."""
    gate = tools.gate("storybook")
    for scene in map(sample_scene, range(START + 500, START + 506)):
        source = f"id:{brought(tools, render(scene).picture).id}"
        for kind in ("pose", "depth", "canny", "lineart", "softedge", "scribble", "normal", "shuffle", "tile"):
            assert work(tools, "annotate", asked(source, kind)).result["preview"]
    for box in ((0, 0, 128, 64), (40, 40, 90, 100), (5, 5, 20, 20)):
        mask = Image.new("RGB", (128, 128))
        mask.paste("white", box)
        assert gate.picture(mask).verdict.allowed

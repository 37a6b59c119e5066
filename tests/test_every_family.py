"""Every family the catalogue names, and its parts: installed from a hub, verified, painted with, removed."""

import json

import pytest
import tiny
from fakes import work
from hub import loopback_hub
from painting import one as painted
from PIL import Image

from studio.app import Studio
from studio.domain.control import Control
from studio.domain.errors import PackMissing
from studio.domain.recipe import Lora, Recipe
from studio.workshop.models import Models
from studio.workshop.tools import Tools

FAMILY = {name: name.split("-")[0] for name in tiny.FAMILIES} | {"lcm": "sd1"}
TOML = """
id = "{id}"
name = "{id}"
description = "Random weights."
kind = "{kind}"
family = "{family}"
licence = "CC0"
licence_note = "None."
roles = {{ {roles} }}
[source]
repo = "easel/{id}"
files = {files}
"""


@pytest.fixture(scope="module")
def made(heavy, tmp_path_factory):
    return tmp_path_factory.mktemp("made")


@pytest.fixture
def shelf(home, tmp_path, monkeypatch):
    """A studio whose catalogue and hub hold what `offer` puts there; it does its jobs itself."""
    catalogue = tmp_path / "catalogue"
    catalogue.mkdir()
    monkeypatch.setenv("EASEL_CATALOGUE", str(catalogue))
    repositories = {}
    with loopback_hub(repositories) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        studio = Studio(home)
        studio.supervisor.ensure = lambda: None
        yield Offers(studio, hub, catalogue)
        studio.close()


class Offers:
    """Puts packs on a hub and brings them to the shelf."""

    def __init__(self, studio, hub, catalogue):
        self.studio, self.hub, self.catalogue = studio, hub, catalogue
        self.tools = Tools(studio.home)
        self.models = Models(studio.shelf)

    def install(self, id, place, *, family, kind="painter", roles='painter = "."'):
        """Offer a folder or a file, install it through the real job, and see that it is whole."""
        paths = [path for path in place.rglob("*") if path.is_file()] if place.is_dir() else [place]
        root = place if place.is_dir() else place.parent
        files = {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}
        text = TOML.format(id=id, kind=kind, family=family, roles=roles, files=json.dumps(sorted(files)))
        (self.catalogue / f"{id}.toml").write_text(text)
        self.hub.repositories[f"easel/{id}"] = files
        work(self.tools, "install", {"pack": id})
        assert self.studio.shelf.verify(self.studio.shelf.whole(id)) == []
        return id

    def paint(self, id, **fields):
        return painted(self.models.painter(id), self.recipe(id, **fields))

    def recipe(self, id, **fields):
        return Recipe(
            **{"prompt": "a red star", "pack": id, "width": 64, "height": 64, "steps": 2, "seed": 3, **fields}
        )

    def remove(self, id):
        self.studio.shelf.remove(id)
        assert self.studio.shelf.state(id) == "absent" and not (self.studio.shelf.home / id).exists()


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_a_folder_is_installed_painted_with_and_removed(shelf, made, family):
    id = shelf.install("tiny", tiny.folder(family, made), family=FAMILY[family])
    assert shelf.paint(id).std() > 0
    shelf.remove(id)
    with pytest.raises(PackMissing):
        shelf.models.painter(id)


@pytest.mark.parametrize("layout", ["diffusers", "a1111"])
@pytest.mark.parametrize("family", ["sd1", "sdxl"])
def test_a_lora_is_installed_worn_and_removed(shelf, made, family, layout):
    id = shelf.install("tiny", tiny.folder(family, made), family=family)
    path = tiny.saved(tiny.lora(family, layout=layout), made / layout / f"{family}.safetensors")
    ink = shelf.install("ink", path, family=family, kind="lora", roles=f'lora = "{path.name}"')
    worn = (Lora(ink, 1.0),)
    assert (shelf.paint(id) != shelf.paint(id, loras=worn)).any()
    shelf.remove(ink)
    with pytest.raises(PackMissing):
        shelf.paint(id, loras=worn)


@pytest.mark.parametrize(("family", "kinds"), [("sd1", ["pose"]), ("sdxl", ["pose", "depth"])])
def test_a_controlnet_and_a_union_are_installed_followed_and_removed(shelf, made, family, kinds):
    id = shelf.install("tiny", tiny.folder(family, made), family=family)
    place = made / f"{family}-net"
    if not place.exists():
        (tiny.union() if family == "sdxl" else tiny.control(family)).save_pretrained(place)
    roles = ", ".join(f'control-{kind} = "."' for kind in kinds)
    net = shelf.install("net", place, family=family, kind="controls", roles=roles)
    sha, map = "ab" * 32, Image.new("RGB", (64, 64), "white")
    for kind in kinds:
        followed = painted(
            shelf.models.painter(id), shelf.recipe(id, controls=(Control(kind=kind, source=sha),)), {sha: map}
        )
        assert (followed != shelf.paint(id)).any()
    shelf.remove(net)
    with pytest.raises(PackMissing):
        shelf.models.controls(id, kinds)

"""Parts of other packs on a painter, found by their ids on a real shelf; what does not fit is said before anything runs."""

import hashlib
import shutil

import numpy as np
import pytest
import tiny
from painting import Steps, kept, one, scene

from studio.domain.control import Control
from studio.domain.errors import BadInput, PackMissing
from studio.domain.recipe import Lora, Recipe
from studio.packs import parts
from studio.packs.controls import can_follow, check_controls
from studio.packs.manifest import OWN, SUMS, Manifest, manifest_text
from studio.packs.shelf import Shelf

PROMPT, SIDE = "a large red star at night", tiny.SIZE


@pytest.fixture(scope="module")
def shelf(heavy, tmp_path_factory):
    """Tiny painters of two families, and a pack of each kind for them."""
    root = tmp_path_factory.mktemp("shelf")
    packs, catalogue = root / "packs", root / "catalogue"
    catalogue.mkdir()

    def add(id, kind, family, roles, *, needs=(), words=()):
        folder = packs / id
        folder.mkdir(parents=True, exist_ok=True)
        manifest = Manifest(
            id, id.upper(), "", family, "", "", roles, kind=kind, needs=needs, trigger_words=words, sizes=((64, 64),)
        )
        (folder / OWN).write_text(manifest_text(manifest), encoding="utf-8")
        files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name not in (OWN, SUMS)]
        lines = [
            f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder).as_posix()}" for path in files
        ]
        (folder / SUMS).write_text("\n".join(lines) + "\n", encoding="utf-8")

    for family in ("sd1", "sdxl"):
        tiny.pipe(family).save_pretrained(packs / f"{family}-painter")
        add(f"{family}-painter", "painter", family, {"painter": ".", "tokenizer": "tokenizer"})
        tiny.saved(tiny.lora(family, layout="a1111"), packs / f"{family}-lora" / "some name.safetensors")
        add(f"{family}-lora", "lora", family, {"lora": "some name.safetensors"})
        tiny.saved(tiny.adapter(family), packs / f"{family}-adapter" / "adapter.safetensors")
        add(f"{family}-adapter", "adapter", family, {"adapter": "adapter.safetensors"}, needs=("reader",))
        tiny.saved(tiny.embedding(family), packs / f"{family}-words" / "words.safetensors")
        add(f"{family}-words", "embedding", family, {"embedding": "."}, words=("glowing", "aglow"))
        tiny.control(family).save_pretrained(packs / f"{family}-canny")
        add(f"{family}-canny", "controls", family, {"control-canny": "."})
    tiny.union().save_pretrained(packs / "sdxl-all")
    add("sdxl-all", "controls", "sdxl", {"control-canny": ".", "control-pose": ".", "control-depth": "."})
    tiny.vae().save_pretrained(packs / "sd1-vae")
    add("sd1-vae", "vae", "sd1", {"vae": "."})
    tiny.picture_reader().save_pretrained(packs / "reader")
    add("reader", "adapter", "any", {"image-encoder": "."})
    return Shelf(catalogue=catalogue, places=(packs,))


@pytest.fixture(scope="module")
def models(shelf):
    from studio.workshop.models import Models

    return Models(shelf)


def recipe(family="sd1", **fields):
    return Recipe(PROMPT, pack=f"{family}-painter", width=SIDE, height=SIDE, steps=2, seed=3, **fields)


@pytest.mark.parametrize("family", ["sd1", "sdxl"])
def test_every_part_is_put_on_by_its_id_and_taken_off(models, shelf, family):
    painter = models.painter(f"{family}-painter")
    plain = one(painter, recipe(family))
    inputs, (sha,) = kept(scene())
    worn = [
        {"loras": (Lora(f"{family}-lora"),)},
        {"adapter": f"{family}-adapter", "reference": sha},
        {"controls": (Control("canny", sha),)},
    ]
    for fields in worn + ([{"vae": "sd1-vae"}] if family == "sd1" else []):
        asked = recipe(family, **fields)
        parts.check_parts(shelf, asked)
        check_controls(shelf, asked)
        assert not np.array_equal(one(painter, asked, inputs), plain), fields
        assert np.array_equal(one(painter, recipe(family)), plain), fields
    spoken = recipe(family, embeddings=(f"{family}-words",))
    said = Recipe.from_dict({**spoken.to_dict(), "prompt": f"{PROMPT}, Aglow"})
    assert np.array_equal(one(painter, spoken), plain) and not np.array_equal(one(painter, said), plain)


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"loras": (Lora("sdxl-lora"),)}, "loras", "SDXL-LORA was made for Stable Diffusion XL, and SD1-PAINTER is of"),
        ({"loras": (Lora("sd1-vae"),)}, "loras", "SD1-VAE is no LoRA"),
        ({"vae": "sd1-lora"}, "vae", "is no VAE"),
        ({"adapter": "sdxl-adapter", "reference": "0" * 64}, "adapter", "was made for Stable Diffusion XL"),
        ({"embeddings": ("sdxl-words",)}, "embeddings", "was made for Stable Diffusion XL"),
    ],
)
def test_what_does_not_fit_is_said_before_the_run(models, shelf, fields, field, words):
    asked = recipe(**fields)
    with pytest.raises(BadInput, match=words) as caught:
        parts.check_parts(shelf, asked)
    assert caught.value.field == field
    steps = Steps()
    with pytest.raises(BadInput, match=words):
        list(models.painter("sd1-painter").paint(asked, {}, steps))
    assert steps.seen == []


def test_what_is_not_there_is_said(shelf):
    with pytest.raises(PackMissing, match="no pack named 'gone'"):
        parts.check_parts(shelf, recipe(loras=(Lora("gone"),)))


def test_controls_come_from_packs_that_fit_the_narrow_ones_first(models, shelf):
    assert can_follow(shelf, shelf.get("sd1-painter")) == ("canny",)
    assert can_follow(shelf, shelf.get("sdxl-painter")) == ("pose", "depth", "canny")
    nets = models.controls("sdxl-painter", ("pose", "depth", "canny"))
    assert nets["pose"] is nets["depth"] and nets["canny"] is not nets["pose"]
    assert type(nets["pose"]).__name__ == "ControlNetUnionModel" and type(nets["canny"]).__name__ == "ControlNetModel"
    with pytest.raises(PackMissing, match=r"SD1-PAINTER has no ControlNet for pose \(it has: Edges\)"):
        models.controls("sd1-painter", ("pose",))
    asked = recipe(controls=(Control("pose", "0" * 64),))
    with pytest.raises(PackMissing, match="SD1-PAINTER has controls for edges"):
        check_controls(shelf, asked)


def test_a_reader_that_is_gone_is_said(shelf, monkeypatch):
    left = [pack for pack in shelf.packs() if pack.id != "reader"]
    monkeypatch.setattr(shelf, "packs", lambda: left)
    with pytest.raises(PackMissing, match="needs the pack that reads pictures for it"):
        parts.reader(shelf, next(pack for pack in left if pack.id == "sd1-adapter"))


def as_installed_anew(path, root):
    """The same bytes by another file, as an installation puts them in place."""
    fresh = root / "fresh"
    fresh.write_bytes(path.read_bytes())
    fresh.replace(path)


@pytest.fixture
def own(shelf, models, tmp_path):
    """Models of a shelf of its own: a copy of the painter of sd1 and its ControlNet, which a test may change."""
    for id in ("sd1-painter", "sd1-canny"):
        shutil.copytree(shelf.get(id).own, tmp_path / "packs" / id)
    (tmp_path / "catalogue").mkdir()
    return type(models)(Shelf(catalogue=tmp_path / "catalogue", places=(tmp_path / "packs",)))


def test_what_is_installed_anew_is_loaded_anew_and_the_rest_stays(own, tmp_path):
    painter, net = own.painter("sd1-painter"), own.controls("sd1-painter", ("canny",))["canny"]
    assert own.painter("sd1-painter") is painter
    as_installed_anew(next((tmp_path / "packs" / "sd1-painter" / "unet").glob("*.safetensors")), tmp_path)
    again = own.painter("sd1-painter")
    assert again is not painter and own.painter("sd1-painter") is again
    assert own.controls("sd1-painter", ("canny",))["canny"] is net
    as_installed_anew(next((tmp_path / "packs" / "sd1-canny").glob("*.safetensors")), tmp_path)
    assert own.controls("sd1-painter", ("canny",))["canny"] is not net and own.painter("sd1-painter") is again


def test_a_painter_that_lost_a_file_is_not_painted_with_any_more(own, tmp_path):
    own.painter("sd1-painter")
    next((tmp_path / "packs" / "sd1-painter" / "unet").glob("*.safetensors")).unlink()
    with pytest.raises(PackMissing, match="Pack sd1-painter lacks"):
        own.painter("sd1-painter")

"""LoRAs, VAEs, IP-Adapters, embeddings: they do what diffusers does with them, and leave no trace when they are taken off."""

import copy
from threading import Event, Thread

import numpy as np
import pytest
import tiny
from painting import NoControls, Steps, elsewhere, kept, one, pixels, scene

from studio.domain.errors import BadInput, Cancelled
from studio.domain.recipe import Lora, Recipe
from studio.workshop.turns import LOADING, turn

PROMPT = "a large red star at night"
SIDES = (tiny.SIZE, tiny.SIZE)


class Found:
    """Finds the parts that a test names: id -> file or folder."""

    def __init__(self):
        self.files = {}

    def file(self, role, id):
        return self.files[role, id]

    def words(self, id):
        return (id,)


@pytest.fixture(scope="module", params=["sd1", "sdxl"])
def family(request):
    return request.param


@pytest.fixture(scope="module")
def folder(heavy, tmp_path_factory):
    """A folder with every part for both families."""
    root = tmp_path_factory.mktemp("parts")
    for name in ("sd1", "sdxl"):
        for number in (9, 19):
            for layout in ("diffusers", "a1111"):
                tiny.saved(tiny.lora(name, layout=layout, seed=number), root / f"{name}-{layout}-{number}.safetensors")
        tiny.saved(tiny.adapter(name), root / f"{name}-adapter.safetensors")
        tiny.saved(tiny.embedding(name), root / f"{name}-embedding.safetensors")
    tiny.picture_reader().save_pretrained(root / "reader")
    tiny.vae().save_pretrained(root / "vae")
    tiny.tiny_vae().save_pretrained(root / "tiny-vae")
    tiny.single_vae(root / "single.vae.safetensors")
    return root


@pytest.fixture(scope="module")
def painter(family, folder, tmp_path_factory):
    from studio.workshop.paint.load import load_painter

    found = Found()
    found.files["vae", "single"] = folder / "single.vae.safetensors"
    found.files["vae", "odd"] = folder / "sd1-adapter.safetensors"
    for path in folder.glob("sd*.safetensors"):
        role = {"adapter": "adapter", "embedding": "embedding"}.get(path.stem.split("-")[1], "lora")
        found.files[role, path.stem] = path
    for name in ("vae", "tiny-vae"):
        found.files["vae", name] = folder / name
    for name in ("sd1", "sdxl"):
        found.files["image-encoder", f"{name}-adapter"] = folder / "reader"
    place = tiny.folder(family, tmp_path_factory.mktemp("tiny"))
    return load_painter(place, find_controls=NoControls(), find_parts=found)


@pytest.fixture(scope="module")
def plain(painter):
    return paint(painter)


def paint(painter, inputs=None, **fields):
    fields = {
        "prompt": PROMPT,
        "steps": 2,
        "seed": 3,
        "sampler": "ddim",
        "width": SIDES[0],
        "height": SIDES[1],
        **fields,
    }
    return one(painter, Recipe(**fields), inputs)


def theirs(family, dress, **call):
    """What diffusers' pipeline paints after `dress` put something on a copy of it."""
    import torch

    from studio.workshop.paint import samplers

    pipe = copy.deepcopy(tiny.pipe(family))
    pipe.scheduler = samplers.scheduler("ddim", tiny.scheduler_config(family))
    dress(pipe)
    asked = {"prompt": PROMPT, "num_inference_steps": 2, "guidance_scale": 4.0, "width": SIDES[0], "height": SIDES[1]}
    return np.asarray(pipe(**asked, **call, generator=torch.Generator().manual_seed(3)).images[0]).astype(int)


@pytest.mark.filterwarnings("ignore:Already found a `peft_config`")  # theirs alone says it
@pytest.mark.parametrize("layout", ["diffusers", "a1111"])
def test_loras_with_weights_are_diffusers_own_and_leave_no_trace(painter, family, plain, layout):
    loras = (Lora(f"{family}-{layout}-9", 0.8), Lora(f"{family}-{layout}-19", -0.4))
    made = paint(painter, loras=loras)

    def dress(pipe):
        for name, seed in (("a", 9), ("b", 19)):
            pipe.load_lora_weights(tiny.lora(family, layout=layout, seed=seed), adapter_name=name)
        pipe.set_adapters(["a", "b"], [0.8, -0.4])

    assert np.abs(made - theirs(family, dress)).max() <= 1
    assert np.abs(made - plain).max() > 3
    assert np.array_equal(paint(painter), plain)
    assert np.array_equal(paint(painter, loras=loras), made)
    assert not np.array_equal(paint(painter, loras=(Lora(loras[0].name, 0.3),)), made)
    assert np.array_equal(paint(painter, loras=(Lora(loras[0].name, 0.0),)), plain)


def test_both_layouts_of_one_lora_paint_the_same(painter, family):
    first, second = (paint(painter, loras=(Lora(f"{family}-{layout}-9"),)) for layout in ("diffusers", "a1111"))
    assert np.abs(first - second).max() <= 1


def test_a_change_of_weight_loads_nothing_again(painter, family, monkeypatch):
    paint(painter, loras=(Lora(f"{family}-a1111-9", 0.5),))
    monkeypatch.setattr(type(painter.pipe), "load_lora_weights", None)
    changed = paint(painter, loras=(Lora(f"{family}-a1111-9", 1.5),))
    monkeypatch.undo()
    paint(painter)
    assert np.array_equal(paint(painter, loras=(Lora(f"{family}-a1111-9", 1.5),)), changed)


def test_what_was_installed_anew_under_its_name_is_read_anew(painter, family, folder):
    kinds = {"lora": ("loras", (Lora("again", 1.0),)), "embedding": ("embeddings", ("again",))}
    for role, (field, value) in kinds.items():
        makes = {
            "lora": lambda seed: tiny.lora(family, seed=seed),
            "embedding": lambda seed: tiny.embedding(family, seed=seed),
        }
        painted = []
        for seed in (21, 22):
            path = folder / f"again-{role}.safetensors"
            new = tiny.saved(makes[role](seed), path.with_suffix(".new"))
            new.replace(path)
            painter._find_parts.files[role, "again"] = path
            painted.append(paint(painter, prompt=f"{PROMPT} again", **{field: value}))
        fresh = painter._find_parts.files[role, "other"] = folder / f"other-{role}.safetensors"
        tiny.saved(makes[role](22), fresh)
        words = "other" if role == "embedding" else "again"
        named = {"loras": (Lora("other", 1.0),)} if role == "lora" else {"embeddings": ("other",)}
        told = paint(painter, prompt=f"{PROMPT} {words}", **named)
        assert (painted[0] != painted[1]).any() and (painted[1] == told).all()


def test_nobody_else_loads_while_a_part_is_put_on(painter, family, plain, folder, monkeypatch):
    """While a LoRA is put on, peft replaces methods of torch's modules: a captioner that was loaded meanwhile failed."""
    from studio.workshop.paint import outfit

    others = []

    def watched(target, name):
        own = getattr(target, name)

        def call(*told, **named):
            others.append(elsewhere(may_load))
            return own(*told, **named)

        monkeypatch.setattr(target, name, call)

    for name in ("load_lora_weights", "load_ip_adapter"):
        watched(type(painter.pipe), name)
    watched(outfit, "load_vae")
    inputs, (sha,) = kept(scene((90, 70), seed=5))
    paint(painter, loras=(Lora(f"{family}-a1111-9"), Lora(f"{family}-a1111-19")))
    paint(painter, loras=(Lora(f"{family}-a1111-9"),))
    paint(painter, vae="vae")
    paint(painter, inputs, adapter=f"{family}-adapter", reference=sha)
    assert others == [False] * 5
    assert np.array_equal(paint(painter), plain)


def test_cancel_is_heard_while_another_thread_loads(painter, family, plain):
    began, done = Event(), Event()

    def load():
        with turn():
            began.set()
            assert done.wait(60)

    other = Thread(target=load)
    other.start()
    try:
        assert began.wait(60)
        recipe = Recipe(PROMPT, steps=2, width=SIDES[0], height=SIDES[1], loras=(Lora(f"{family}-a1111-9"),))
        with pytest.raises(Cancelled):
            list(painter.paint(recipe, {}, Steps(stop_at=1)))
        assert not painter._wardrobe._loras, "it was not put on"
        assert np.array_equal(paint(painter), plain), "what needs no loading waits for nobody"
    finally:
        done.set()
        other.join()
    assert not np.array_equal(paint(painter, loras=(Lora(f"{family}-a1111-9"),)), plain)
    paint(painter)


def may_load():
    """Whether it is this thread's turn at once."""
    if not LOADING.acquire(blocking=False):
        return False
    LOADING.release()
    return True


def test_a_lora_of_another_base_is_said_and_nothing_of_it_stays(painter, family, plain):
    other = "sdxl" if family == "sd1" else "sd1"
    for layout in ("diffusers", "a1111"):
        with pytest.raises(BadInput, match="another base model") as caught:
            paint(painter, loras=(Lora(f"{family}-{layout}-9"), Lora(f"{other}-{layout}-9")))
        assert caught.value.field == "loras"
        assert np.array_equal(paint(painter), plain)


def test_a_file_that_is_no_lora_is_said(painter, family, plain):
    painter._find_parts.files["lora", "odd"] = painter._find_parts.files["embedding", f"{family}-embedding"]
    with pytest.raises(BadInput, match="does not fit this pack"):
        paint(painter, loras=(Lora("odd"),))
    assert np.array_equal(paint(painter), plain)


def test_another_vae_decodes_and_leaves_no_trace(painter, family, plain):
    made = paint(painter, vae="vae")
    assert np.abs(made - theirs(family, lambda pipe: setattr(pipe, "vae", tiny.vae()))).max() <= 1
    assert not np.array_equal(made, plain) and np.array_equal(paint(painter), plain)
    assert np.abs(paint(painter, vae="single") - made).max() <= 1
    with pytest.raises(BadInput, match="does not fit this pack, or is none"):
        paint(painter, vae="odd")
    small = paint(painter, vae="tiny-vae")
    assert not np.array_equal(small, plain) and not np.array_equal(small, made)
    inputs, (sha,) = kept(scene(SIDES))
    assert paint(painter, inputs, vae="tiny-vae", task="vary", source=sha, strength=0.5).shape == plain.shape


def test_a_vae_of_another_shape_is_said(painter, plain, tmp_path):
    from diffusers import AutoencoderKL

    blocks = {"down_block_types": ("DownEncoderBlock2D",) * 2, "up_block_types": ("UpDecoderBlock2D",) * 2}
    AutoencoderKL(**blocks, block_out_channels=(8, 8), norm_num_groups=4).save_pretrained(tmp_path / "half")
    painter._find_parts.files["vae", "half"] = tmp_path / "half"
    with pytest.raises(BadInput, match="does not fit this pack"):
        paint(painter, vae="half")
    assert np.array_equal(paint(painter), plain)


def test_a_reference_is_read_as_diffusers_reads_it_and_leaves_no_trace(painter, family, plain, folder):
    from transformers import CLIPImageProcessor

    picture = scene((90, 70), seed=5)
    inputs, (sha,) = kept(picture)
    asked = {"adapter": f"{family}-adapter", "reference": sha}
    made = paint(painter, inputs, **asked, reference_weight=0.7)

    def dress(pipe):
        side = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}}
        pipe.register_modules(image_encoder=tiny.picture_reader(), feature_extractor=CLIPImageProcessor(**side))
        pipe.load_ip_adapter(
            str(folder), subfolder="", weight_name=f"{family}-adapter.safetensors", image_encoder_folder=None
        )
        pipe.set_ip_adapter_scale(0.7)

    assert np.abs(made - theirs(family, dress, ip_adapter_image=picture)).max() <= 1
    assert np.abs(made - plain).max() > 1
    assert np.array_equal(paint(painter), plain)
    assert np.array_equal(paint(painter, inputs, **asked, reference_weight=0.0), plain)
    more = paint(painter, inputs, **asked, reference_weight=1.5, guidance=1.0, loras=(Lora(f"{family}-a1111-9"),))
    assert more.shape == plain.shape and np.array_equal(paint(painter), plain)


def test_a_dressed_batch_of_four_is_its_four_singles(painter, family):
    inputs, (sha,) = kept(scene((90, 70), seed=5))
    recipe = Recipe(
        f"{PROMPT}, {family}-embedding", steps=2, seed=40, count=4, sampler="euler a", width=SIDES[0], height=SIDES[1],
        loras=(Lora(f"{family}-diffusers-9", 0.8),), embeddings=(f"{family}-embedding",), clip_skip=2,
        adapter=f"{family}-adapter", reference=sha, reference_weight=0.8,
    )  # fmt: skip
    batch = list(painter.paint(recipe, inputs, Steps()))
    for painted in batch:
        assert np.abs(one(painter, recipe.with_seed(painted.seed), inputs) - pixels(painted)).max() <= 1
    assert np.abs(pixels(batch[0]) - pixels(batch[3])).max() > 1


def test_an_adapter_of_another_base_is_said(painter, family, plain):
    inputs, (sha,) = kept(scene())
    other = "sdxl" if family == "sd1" else "sd1"
    with pytest.raises(BadInput, match="another base model") as caught:
        paint(painter, inputs, adapter=f"{other}-adapter", reference=sha)
    assert caught.value.field == "adapter"
    assert np.array_equal(paint(painter), plain)


def test_a_reference_that_is_gone_is_said(painter, family):
    with pytest.raises(BadInput, match="no longer in the gallery"):
        paint(painter, adapter=f"{family}-adapter", reference="0" * 64)


def test_embeddings_speak_where_they_are_named(painter, family, plain):
    name = f"{family}-embedding"
    assert np.array_equal(paint(painter, embeddings=(name,)), plain)  # not spoken of
    spoken = paint(painter, prompt=f"{PROMPT}, {name}", embeddings=(name,))
    assert not np.array_equal(spoken, paint(painter, prompt=f"{PROMPT}, {name}"))
    other = "sdxl" if family == "sd1" else "sd1"
    with pytest.raises(BadInput, match="another base model"):
        paint(painter, embeddings=(f"{other}-embedding",))
    assert np.array_equal(paint(painter), plain)


def test_clip_skip_changes_the_picture_and_only_this_one(painter, plain):
    assert not np.array_equal(paint(painter, clip_skip=2), plain)
    assert np.array_equal(paint(painter, clip_skip=1), plain)


def test_a_painter_without_parts_says_so(heavy, tmp_path_factory):
    from studio.workshop.paint.load import load_painter

    bare = load_painter(tiny.folder("sd1", tmp_path_factory.mktemp("bare")))
    with pytest.raises(BadInput, match="takes no LoRA"):
        paint(bare, loras=(Lora("any"),))

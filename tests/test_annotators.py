"""Annotators: every kind keeps the picture's size, follows its parameters, and survives odd pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from studio.domain.control import CONTROLS, parameters_of
from studio.domain.errors import BadInput, PackMissing
from studio.packs.manifest import Manifest, Pack
from studio.places import ASSETS
from studio.workshop import heavy

heavy.prepare()

from studio.starter.scenes import TEST_SEEDS, render, sample_scene  # noqa: E402
from studio.workshop.annotate import annotators, depth, pose, regions  # noqa: E402
from studio.workshop.annotate.annotators import PLAIN, annotate  # noqa: E402
from studio.workshop.annotate.levels import finish  # noqa: E402
from studio.workshop.models import Models  # noqa: E402


class OnePack:
    """A shelf with one pack whose roles lie in a folder of the test."""

    def __init__(self, folder: Path, roles: dict[str, str]) -> None:
        manifest = Manifest(
            id="tiny", name="Tiny", description="", family="tiny", licence="", licence_note="", sizes=((64, 64),),
            steps=1, guidance=1.0, sampler="euler", roles=roles,
        )  # fmt: skip
        self.pack = Pack(manifest, folder)

    def get(self, _id: str) -> Pack:
        return self.pack

    def packs(self) -> list[Pack]:
        return [self.pack]


def models(folder: Path, **roles: str) -> Models:
    return Models(OnePack(folder, roles))  # type: ignore[arg-type]


def drawn(kind: str, picture: Image.Image, **parameters: Any) -> np.ndarray:
    return np.asarray(annotate(picture, kind, parameters, models=models(Path()), pack_id="tiny").picture)


@pytest.fixture(scope="module")
def scene() -> Image.Image:
    """A picture with a thing in it, of odd sides."""
    made = render(sample_scene(TEST_SEEDS.start + 3)).picture
    return Image.fromarray(made).resize((150, 101))


@pytest.mark.parametrize("kind", sorted(PLAIN))
def test_a_map_has_the_pictures_size_and_is_the_same_each_time(kind: str, scene: Image.Image) -> None:
    one, two = drawn(kind, scene), drawn(kind, scene)
    assert one.shape == (101, 150, 3) and one.dtype == np.uint8
    assert (one == two).all() and one.std() > 1


@pytest.mark.parametrize("kind", sorted(PLAIN))
@pytest.mark.parametrize("size", [(1, 1), (3, 2), (200, 11)])
def test_small_long_and_plain_pictures_survive(kind: str, size: tuple[int, int]) -> None:
    assert drawn(kind, Image.new("RGB", size, (90, 90, 90))).shape == (size[1], size[0], 3)


def test_shuffling_leaves_numpys_generator_alone(scene: Image.Image) -> None:
    np.random.seed(5)
    expected = np.random.random()
    np.random.seed(5)
    drawn("shuffle", scene)
    assert np.random.random() == expected


@pytest.mark.parametrize(
    ("kind", "less", "more"),
    [
        ("canny", {"low": 200, "high": 255}, {"low": 20, "high": 60}),
        ("softedge", {"threshold": 200}, {"threshold": 0}),
        ("scribble", {"threshold": 200}, {"threshold": 40}),
        ("lineart", {"intensity": 24}, {"intensity": 1}),
    ],
)
def test_parameters_act(kind: str, less: dict[str, float], more: dict[str, float], scene: Image.Image) -> None:
    lines = [float(drawn(kind, scene, **values).mean()) for values in (less, more)]
    assert lines[0] < lines[1]


@pytest.mark.parametrize("kind", ["canny", "lineart", "softedge", "scribble"])
def test_inverted_is_the_opposite(kind: str, scene: Image.Image) -> None:
    assert (drawn(kind, scene, invert=True).astype(int) + drawn(kind, scene) == 255).all()


def test_a_large_picture_gives_a_map_of_2048_pixels() -> None:
    assert drawn("tile", Image.new("RGB", (4096, 64))).shape == (32, 2048, 3)


def test_near_and_far_stretch_what_lies_between() -> None:
    levels = np.linspace(0, 1, 101)[None]
    map = finish(levels, {"near": 0.75, "far": 0.25})[0, :, 0]
    assert map[25] == 0 and map[75] == 255 and map[50] == pytest.approx(128, abs=2) and map[10] == 0 and map[90] == 255
    with pytest.raises(BadInput, match="larger than far"):
        finish(levels, {"near": 0.2, "far": 0.3})


def test_every_kind_has_an_annotator_and_a_kind_without_its_pack_says_so(scene: Image.Image) -> None:
    for kind, row in CONTROLS.items():
        if not row.needs:
            assert kind in PLAIN
            continue
        with pytest.raises(PackMissing, match="Shelf page"):
            drawn(kind, scene)
        with pytest.raises(BadInput):
            drawn(kind, scene, nonsense=1)


# --- models of the right shape, with random weights -----------------------------------------------------------------------


@pytest.mark.parametrize("family", ["dpt", "depth_anything", "zoedepth"])
def test_depth_models_of_every_family_load_from_a_folder(tmp_path: Path, family: str, scene: Image.Image) -> None:
    save_depth(tmp_path / "depth", family)
    seer = models(tmp_path, depth="depth").seer("depth", "tiny")
    near = seer(scene)
    assert near.shape == (101, 150) and 0 <= near.min() <= near.max() <= 1
    assert (seer(scene) == near).all()
    for kind in ("depth", "normal"):
        map = annotate(scene, kind, {}, models=models(tmp_path, depth="depth"), pack_id="tiny").picture
        assert map.size == scene.size


def test_metres_are_turned_round_and_own_scales_are_kept() -> None:
    picture = Image.new("RGB", (4, 2))

    def seer(model_type: str, values: list[float]) -> depth.DepthSeer:
        class Told:
            class model:
                config = type("config", (), {"model_type": model_type})

            def __call__(self, _picture: Image.Image) -> dict[str, torch.Tensor]:
                return {"predicted_depth": torch.tensor([values, values])}

        return depth.DepthSeer(Told())

    assert seer("zoedepth", [1, 2, 3, 5])(picture)[0].tolist() == [1.0, 0.75, 0.5, 0.0]
    assert seer("dpt", [100, 200, 300, 500])(picture)[0].tolist() == [0.0, 0.25, 0.5, 1.0]
    assert seer("dpt", [0.2, 0.4, 0.5, 0.9])(picture)[0].tolist() == pytest.approx([0.2, 0.4, 0.5, 0.9])


def test_a_slope_to_the_right_faces_left() -> None:
    class Slope:
        def __call__(self, picture: Image.Image) -> np.ndarray:
            return np.tile(np.linspace(0, 1, picture.width, dtype=np.float32), (picture.height, 1))

    map = np.asarray(depth.normal(Image.new("RGB", (64, 64)), parameters_of("normal", {}), Slope()))  # type: ignore[arg-type]
    assert map[32, 32, 0] < 124 and map[32, 32, 1] == 128 and map[32, 32, 2] > 200


@pytest.mark.parametrize("published", [True, False])
def test_openpose_is_read_from_safetensors_and_finds_nobody_in_nothing(tmp_path: Path, published: bool) -> None:
    from controlnet_aux.open_pose.model import bodypose_model
    from safetensors.torch import save_file

    net = bodypose_model()
    for value in net.parameters():
        torch.nn.init.zeros_(value)
    (tmp_path / "pose").mkdir()
    held = {name.partition(".")[2] if published else name: value for name, value in net.state_dict().items()}
    assert len(held) == len(net.state_dict())
    save_file(held, tmp_path / "pose" / pose.OPENPOSE)
    seer = models(tmp_path, pose="pose").seer("pose", "tiny")
    assert isinstance(seer, pose.OpenPoseSeer)
    found = annotate(
        Image.new("RGB", (64, 96), "grey"), "pose", {}, models=models(tmp_path, pose="pose"), pack_id="tiny"
    )
    assert found.figures == () and found.note == annotators.NOBODY and np.asarray(found.picture).max() == 0


def test_openposes_bodies_become_figures() -> None:
    from controlnet_aux.open_pose.body import BodyResult, Keypoint

    class Body:
        def __call__(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            assert pixels[0, 0].tolist() == [3, 2, 1]  # BGR
            return np.zeros((0, 4)), np.zeros((0, 20))

        @staticmethod
        def format_body_result(_candidates: np.ndarray, _subset: np.ndarray) -> list[BodyResult]:
            return [BodyResult([Keypoint(10, 20), None, *[Keypoint(5, 5)] * 16], 1.0, 17)]

    (figure,) = pose.OpenPoseSeer(Body())(Image.new("RGB", (100, 40), (1, 2, 3)))
    assert len(figure) == 18 and figure[0] == (0.1, 0.5) and figure[1] is None


def test_seventeen_joints_are_put_in_openposes_order() -> None:
    points = [(float(index), 0.0) for index in range(17)]
    figure = pose._openpose_order(list(points))
    assert figure[0] == (0.0, 0.0) and figure[1] == (5.5, 0.0)  # the neck between the shoulders, 5 and 6
    assert figure[4] == (10.0, 0.0) and figure[7] == (9.0, 0.0) and figure[17] == (3.0, 0.0)


def test_two_patches_are_two_boxes_and_specks_are_none() -> None:
    share = np.zeros((100, 100))
    share[10:60, 10:30] = share[10:90, 60:80] = 1
    share[0:3, 0:3] = 1
    boxes = pose.figure_boxes(share)
    assert len(boxes) == 2 and 50 < boxes[0][0] < 60 and 80 < boxes[0][0] + boxes[0][2] < 90


def test_a_selection_has_no_specks_and_no_pinholes() -> None:
    share = np.zeros((100, 100))
    share[20:60, 20:60] = 1
    share[40, 40] = 0
    share[90:92, 90:92] = 1
    mask = regions.selected(share)
    assert mask.sum() == 1600 and mask[40, 40] and not mask[90, 90]


def test_regions_have_the_colours_of_their_kinds(tmp_path: Path) -> None:
    from transformers import SegformerConfig, SegformerForSemanticSegmentation, SegformerImageProcessor

    config = SegformerConfig(
        num_labels=150, depths=[1, 1, 1, 1], hidden_sizes=[8, 8, 16, 16], decoder_hidden_size=16,
        num_attention_heads=[1, 1, 2, 2],
    )  # fmt: skip
    torch.manual_seed(0)
    SegformerForSemanticSegmentation(config).save_pretrained(tmp_path / "segments")
    SegformerImageProcessor(size={"height": 64, "width": 64}).save_pretrained(tmp_path / "segments")
    held = models(tmp_path, segments="segments")
    picture = Image.new("RGB", (80, 60), "green")
    ImageDraw.Draw(picture).rectangle((0, 0, 40, 60), fill="blue")
    map = np.asarray(annotate(picture, "segmentation", {}, models=held, pack_id="tiny").picture)
    kinds = held.seer("segments", "tiny")(picture)
    from controlnet_aux.util import ade_palette

    assert map.shape == (60, 80, 3) and map[5, 5].tolist() == list(ade_palette()[kinds[5, 5]])


# --- the starter pack's own -----------------------------------------------------------------------------------------------


def save_depth(folder: Path, family: str) -> None:
    """A depth model of a few thousand random weights."""
    import transformers as t

    torch.manual_seed(0)
    if family == "dpt":
        config = t.DPTConfig(
            hidden_size=16, num_hidden_layers=4, num_attention_heads=2, intermediate_size=16, image_size=32, patch_size=16,
            backbone_out_indices=[0, 1, 2, 3], neck_hidden_sizes=[8, 8, 8, 8], fusion_hidden_size=8, readout_type="ignore",
            is_hybrid=False,
        )  # fmt: skip
        model: Any = t.DPTForDepthEstimation(config)
        processor: Any = t.DPTImageProcessor(size={"height": 32, "width": 32})
    else:
        dino = t.Dinov2Config(
            hidden_size=16, num_hidden_layers=4, num_attention_heads=2, intermediate_size=16, image_size=28, patch_size=14,
            out_features=["stage1", "stage2", "stage3", "stage4"], apply_layernorm=True, reshape_hidden_states=False,
        )  # fmt: skip
        if family == "depth_anything":
            model = t.DepthAnythingForDepthEstimation(
                t.DepthAnythingConfig(
                    backbone_config=dino,
                    reassemble_hidden_size=16,
                    neck_hidden_sizes=[8, 8, 8, 8],
                    fusion_hidden_size=8,
                    head_hidden_size=8,
                    patch_size=14,
                )
            )
            processor = t.DPTImageProcessor(size={"height": 28, "width": 28}, ensure_multiple_of=14)
        else:
            beit = t.BeitConfig(
                hidden_size=16, num_hidden_layers=4, num_attention_heads=2, intermediate_size=16, image_size=32, patch_size=16,
                out_features=["stage1", "stage2", "stage3", "stage4"], reshape_hidden_states=False,
            )  # fmt: skip
            model = t.ZoeDepthForDepthEstimation(
                t.ZoeDepthConfig(
                    backbone_config=beit,
                    neck_hidden_sizes=[8, 8, 8, 8],
                    fusion_hidden_size=8,
                    bottleneck_features=8,
                    bin_embedding_dim=8,
                    num_attractors=[2, 2, 1, 1],
                    num_relative_features=8,
                    bin_configurations=[{"n_bins": 8, "min_depth": 0.001, "max_depth": 10.0}],
                    patch_transformer_hidden_size=16,
                    patch_transformer_intermediate_size=16,
                    patch_transformer_num_attention_heads=2,
                    num_patch_transformer_layers=1,
                )
            )
            processor = t.ZoeDepthImageProcessor(size={"height": 32, "width": 32})
    model.save_pretrained(folder)
    processor.save_pretrained(folder)


@pytest.mark.parametrize("kind", [*sorted(PLAIN), "pose", "depth"])
def test_a_kind_has_a_small_example_picture(kind: str) -> None:
    path = ASSETS / "samples" / "controls" / f"{kind}.webp"
    assert path.stat().st_size < 16_384
    with Image.open(path) as picture:
        assert picture.size == (128, 128) and np.asarray(picture.convert("RGB")).std() > 1

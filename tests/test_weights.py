"""What a file is, said from its header: every kind, every family, and each wrong file by its name, cause and remedy."""

import io
import json
import pickle
import struct
import zipfile
from pathlib import Path

import pytest
import weights

from studio.packs.folders import describe_folder
from studio.packs.header import read_header
from studio.packs.kinds import FileKind
from studio.packs.manifest import read_manifest
from studio.packs.weights import describe, unfit
from studio.places import ASSETS

FAMILIES = ("sd1", "sd2", "sdxl")


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "model.safetensors"


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("channels", [4, 9])
def test_a_painter_in_one_file(path, family, channels):
    found = describe(weights.write(path, weights.single_file(family, channels=channels)))
    assert (found.kind, found.family, found.channels, found.layout) == ("painter", family, channels, "original")
    assert found.why_not == "" and found.precision == "fp16" and found.bytes == path.stat().st_size


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_the_precision_is_that_of_most_bytes(path, dtype):
    found = describe(weights.write(path, weights.single_file("sd1"), dtype=dtype))
    assert found.precision == {"float16": "fp16", "float32": "fp32"}[dtype]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("layout", ["diffusers", "original"])
def test_a_controlnet_of_either_layout(path, family, layout):
    found = describe(weights.write(path, weights.control(family, layout=layout)))
    assert (found.kind, found.family, found.layout, found.why_not) == ("controls", family, layout, "")


def test_a_union_controlnet_says_so(path):
    assert describe(weights.write(path, weights.control("sdxl", union=True))).union
    assert not describe(weights.write(path, weights.control("sdxl"))).union


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("layout", ["kohya", "peft", "old"])
def test_a_lora_of_every_layout(path, family, layout):
    found = describe(weights.write(path, weights.lora(family, layout=layout)))
    assert (found.kind, found.family, found.why_not, found.sure) == ("lora", family, "", True)
    assert found.layout == ("kohya" if layout == "kohya" else "diffusers")


def test_a_lora_that_touches_no_cross_attention_is_told_by_its_notes(path):
    stem = "lora_unet_mid_block_attentions_0_transformer_blocks_0_ff_net_0_proj"
    shapes = {f"{stem}.lora_down.weight": (2, 8), f"{stem}.lora_up.weight": (8, 2)}
    notes = {"ss_base_model_version": "sdxl_base_v1-0", "modelspec.trigger_phrase": "clay toy, plasticine"}
    found = describe(weights.write(path, shapes, notes=notes))
    assert (found.family, found.sure, found.words) == ("sdxl", False, ("clay toy", "plasticine"))
    assert describe(weights.write(path, shapes)).family == ""


@pytest.mark.parametrize(
    ("shapes", "kind", "family"),
    [
        (weights.vae(), "vae", "sd1"),
        (weights.vae(layout="original"), "vae", "sd1"),
        ({"decoder.layers.1.weight": (2, 4, 3, 3), "encoder.layers.0.weight": (2, 3, 3, 3)}, "preview-vae", "sd1"),
        (weights.ip_adapter("sd1"), "adapter", "sd1"),
        (weights.ip_adapter("sdxl"), "adapter", "sdxl"),
        ({"emb_params": (4, 768)}, "embedding", "sd1"),
        ({"emb_params": (4, 1024)}, "embedding", "sd2"),
        ({"<cat-toy>": (768,)}, "embedding", "sd1"),
        ({"clip_l": (4, 768), "clip_g": (4, 1280)}, "embedding", "sdxl"),
        (weights.CLIP, "encoder", "any"),
        (weights.CHECKER, "checker", "any"),
        ({"vit.embeddings.cls_token": (1, 1, 2), "classifier.weight": (2, 2)}, "checker", "any"),
        ({"vision_model.post_layernorm.weight": (2,), "text_decoder.cls.predictions.bias": (2,)}, "captioner", "any"),
        ({"git.embeddings.word_embeddings.weight": (2, 2)}, "captioner", "any"),
        ({"vision_model.post_layernorm.weight": (2,), "visual_projection.weight": (2, 2)}, "image-encoder", "any"),
        ({"Mconv7_stage6_L2.weight": (2, 3, 1, 1)}, "annotator", "any"),
        ({"neck.reassemble_stage.layers.0.projection.weight": (2, 2, 1, 1)}, "annotator", "any"),
        ({"conv_first.weight": (2, 3, 3, 3), "conv_last.weight": (3, 2, 3, 3)}, "upscaler", "any"),
        ({"swin2sr.embeddings.patch_embeddings.projection.weight": (2, 3, 1, 1)}, "upscaler", "any"),
    ],
)
def test_the_other_kinds(path, shapes, kind, family):
    found = describe(weights.write(path, shapes))
    assert (found.kind, found.family, found.why_not) == (kind, family, "")


@pytest.mark.parametrize(
    ("shapes", "says"),
    [
        ({"double_blocks.0.img_attn.qkv.weight": (2, 2)}, "Flux"),
        ({"lora_unet_double_blocks_0_img_attn_qkv.lora_down.weight": (2, 2)}, "Flux"),
        ({"model.diffusion_model.joint_blocks.0.x_block.attn.qkv.weight": (2, 2)}, "Stable Diffusion 3"),
        (weights.unet("sd1"), "Bring the whole model"),
        ({"text_model.encoder.layers.0.mlp.fc1.weight": (2, 2)}, "text encoder alone"),
        (weights.vae(latents=16), "16 channels"),
        (weights.single_file("sd1", channels=8), "InstructPix2Pix"),
        ({"lora_controlnet": (0,), "input_blocks.0.0.weight": (2, 4, 3, 3)}, "Control-LoRA"),
        ({"adapter.body.0.block1.weight": (2, 2, 3, 3)}, "T2I-Adapter"),
        ({"something.else": (2,)}, "not known here"),
    ],
)  # fmt: skip
def test_what_easel_cannot_use_is_said_with_what_it_is(path, shapes, says):
    found = describe(weights.write(path, shapes))
    assert says in found.why_not and found.why_not.startswith("model.safetensors ")


def test_a_painter_without_its_vae_is_named(path):
    shapes = {name: shape for name, shape in weights.single_file("sd1").items() if not name.startswith("first_stage")}
    assert "lacks its VAE" in describe(weights.write(path, shapes)).why_not


class Canary:
    """Whoever opens this pickle makes a file."""

    def __init__(self, target: Path) -> None:
        self.target = str(target)

    def __reduce__(self):
        return open, (self.target, "w")


def header(data: object, *, body: bytes = b"", claim: int | None = None) -> bytes:
    text = data if isinstance(data, bytes) else json.dumps(data).encode()
    return struct.pack("<Q", len(text) if claim is None else claim) + text + body


def entry(begin: int, end: int, **more: object) -> dict:
    return {"dtype": "F32", "shape": [(end - begin) // 4], "data_offsets": [begin, end], **more}


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 1719125304\n"
WRONG = {
    "empty": (b"", "is empty"),
    "three bytes": (b"abc", "ends 7 bytes too early"),
    "lfs pointer": (LFS, "Git LFS pointer"),
    "login page": (b"\n<!DOCTYPE html>\n<html><body>Log in</body></html>", "web page"),
    "error message": (b'{"error":"Invalid username or password."}', "error message"),
    "huge header": (header(b"{}", claim=200_000_000), "header of 200,000,000 bytes"),
    "absurd header": (header(b"{}", claim=2**63), "claims a header"),
    "header cut off": (header({"a": entry(0, 8)}, claim=4_000), "too early"),
    "bad json": (header(b'{"a": nonsense}'), "header that cannot be read"),
    "not utf-8": (header(b'{"\xff\xfe": 1}'), "header that cannot be read"),
    "deep json": (header(b'{"a":' + b"[" * 100_000), "header that cannot be read"),
    "a name twice": (header(b'{"a": 1, "a": 1}'), "header that cannot be read"),
    "overlapping": (header({"a": entry(0, 8), "b": entry(4, 12)}, body=b"\0" * 12), "overlap (a and b)"),
    "hole": (header({"a": entry(0, 8), "b": entry(16, 24)}, body=b"\0" * 24), "hole before b"),
    "truncated": (header({"a": entry(0, 80)}, body=b"\0" * 50), "ends 30 bytes too early"),
    "too long": (header({"a": entry(0, 8)}, body=b"\0" * 9), "1 bytes longer"),
    "sizes contradict": (header({"a": entry(0, 8, shape=[5])}, body=b"\0" * 8), "contradict"),
    "negative": (header({"a": entry(0, 8, shape=[-2])}, body=b"\0" * 8), "describes a wrongly"),
    "no offsets": (header({"a": {"dtype": "F32", "shape": [2]}}), "describes a wrongly"),
    "unknown numbers": (header({"a": entry(0, 8, dtype="Q7")}, body=b"\0" * 8), "not known here (Q7)"),
    "no tensors": (header({"__metadata__": {"a": "b"}}), "no tensor at all"),
    "gguf": (b"GGUF" + b"\0" * 40, "GGUF"),
    "picture": (b"\x89PNG\r\n\x1a\n" + b"\0" * 40, "picture"),
    "noise": (bytes(range(1, 200)), "claims a header"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_file_is_named_with_its_cause(path, case):
    data, says = WRONG[case]
    path.write_bytes(data)
    found = describe(path)
    assert found.why_not.startswith("model.safetensors ") and says in found.why_not, found.why_not
    assert found.kind == "" and found.bytes == len(data)


@pytest.mark.parametrize("name", ["model.ckpt", "model.safetensors", "model.bin"])
@pytest.mark.parametrize("how", ["raw", "zip", "protocol 0"])
def test_a_pickle_is_refused_by_its_content_and_never_opened(tmp_path, name, how):
    canary, file = tmp_path / "canary", tmp_path / name
    data = pickle.dumps(Canary(canary), protocol=0 if how == "protocol 0" else 2)
    if how == "zip":
        inside = io.BytesIO()
        with zipfile.ZipFile(inside, "w") as archive:
            archive.writestr("archive/data.pkl", data)
            archive.writestr("archive/data/0", b"\0" * 64)
        data = inside.getvalue()
    file.write_bytes(data)
    found = describe(file)
    assert found.why_not and found.kind == "" and not canary.exists()
    if how != "protocol 0":
        assert "is a pickle" in found.why_not and "safetensors of the same model" in found.why_not


def test_a_truncated_download_says_how_much_is_missing(path):
    weights.write(path, weights.single_file("sd1"))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) - 1_000])
    assert "ends 1,000 bytes too early" in describe(path).why_not


def test_what_is_no_file_is_said_and_does_not_hang(tmp_path):
    import os

    os.mkfifo(tmp_path / "pipe.safetensors")
    assert "is not a file" in describe(tmp_path / "pipe.safetensors").why_not
    assert "cannot be read" in describe(tmp_path / "gone.safetensors").why_not


def test_a_header_is_read_without_the_weights(path):
    """Sparse: 8 GB of claimed weights cost no memory and no time."""
    text = json.dumps({"a": {"dtype": "F16", "shape": [2**32], "data_offsets": [0, 2**33]}}).encode()
    with path.open("wb") as stream:
        stream.write(struct.pack("<Q", len(text)) + text)
        stream.truncate(8 + len(text) + 2**33)
    assert read_header(path).tensors["a"].shape == (2**32,)


def test_a_part_for_another_base_is_said_before_the_run(path):
    sd15, sdxl = (read_manifest(ASSETS / "packs" / f"{name}.toml") for name in ("sd15", "sdxl"))
    found = describe(weights.write(path, weights.lora("sdxl")))
    assert unfit(found, sdxl) == ""
    said = unfit(found, sd15)
    assert "A LoRA for Stable Diffusion XL" in said and "Stable Diffusion 1.5" in said
    assert unfit(read_manifest(ASSETS / "packs" / "control-sd15-depth.toml"), sdxl).startswith(
        "Depth for Stable Diffusion 1"
    )
    assert unfit(FileKind(kind="upscaler", family="any"), sd15) == ""


@pytest.mark.parametrize("family", FAMILIES)
def test_a_folder_of_diffusers(tmp_path, family):
    found = describe_folder(weights.pipeline(tmp_path / "model", family, channels=9))
    assert (found.kind, found.family, found.channels, found.why_not) == ("painter", family, 9, "")


@pytest.mark.parametrize(
    "gone",
    [
        "unet/diffusion_pytorch_model.safetensors",
        "vae/config.json",
        "tokenizer/vocab.json",
        "text_encoder/model.safetensors",
        "scheduler/scheduler_config.json",
    ],
)
def test_a_folder_that_lacks_a_file_is_incomplete_and_says_which(tmp_path, gone):
    folder = weights.pipeline(tmp_path / "model")
    (folder / gone).unlink()
    found = describe_folder(folder)
    assert found.missing == (gone,) and f"lacks {gone}" in found.why_not


def test_code_in_a_folder_is_never_run(tmp_path):
    folder = weights.pipeline(tmp_path / "model")
    (folder / "unet" / "modeling.py").write_text(f"open({str(tmp_path / 'canary')!r}, 'w')")
    assert "contains code (modeling.py)" in describe_folder(folder).why_not
    assert not (tmp_path / "canary").exists()


def test_a_foreign_class_is_never_looked_for(tmp_path):
    folder = weights.pipeline(tmp_path / "model")
    index = json.loads((folder / "model_index.json").read_text())
    for value in (["os", "system"], ["diffusers", "Evil"], ["model", "UNet2DConditionModel"]):
        (folder / "model_index.json").write_text(json.dumps({**index, "unet": value}))
        assert "not known here" in describe_folder(folder).why_not
    (folder / "model_index.json").write_text(json.dumps({**index, "_class_name": "FluxPipeline"}))
    assert "FluxPipeline" in describe_folder(folder).why_not
    (folder / "model_index.json").write_text("[1, 2")
    assert "cannot be read" in describe_folder(folder).why_not


def test_a_folder_with_pickles_only_says_so(tmp_path):
    folder = weights.pipeline(tmp_path / "model")
    file = folder / "unet" / "diffusion_pytorch_model.safetensors"
    file.rename(file.with_suffix(".bin"))
    assert "only as a pickle (diffusion_pytorch_model.bin)" in describe_folder(folder).why_not


def test_shards_are_read_as_one_and_a_lost_one_is_named(tmp_path):
    folder = tmp_path / "encoder"
    names = [f"model-0000{number}-of-00002.safetensors" for number in (1, 2)]
    halves = [dict(list(weights.CLIP.items())[:2]), dict(list(weights.CLIP.items())[2:])]
    for name, half in zip(names, halves, strict=True):
        weights.write(folder / name, half)
    listed = {key: name for name, half in zip(names, halves, strict=True) for key in half}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": listed}))
    (folder / "config.json").write_text('{"architectures": ["CLIPModel"]}')
    assert describe_folder(folder).kind == "encoder"
    (folder / names[1]).unlink()
    assert describe_folder(folder).missing == (names[1],)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "../../secret.safetensors"}}))
    assert "outside the folder" in describe_folder(folder).why_not

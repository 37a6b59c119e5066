"""The catalogue's encoders and captioners, as tiny random models in the layout of their repositories: loaded and asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from studio.workshop import heavy

heavy.prepare()

import torch  # noqa: E402
import transformers  # noqa: E402
from tokenizers import Tokenizer, models, pre_tokenizers, processors  # noqa: E402

from studio.domain.errors import PackMissing  # noqa: E402
from studio.workshop.vision.blip import load_captioner  # noqa: E402
from studio.workshop.vision.clip import load_encoder  # noqa: E402

SIDE = 32
WORDS = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "a", "red", "star", "house", "at", "night", "<image>"]
TOWER = {"hidden_size": 32, "intermediate_size": 37, "num_hidden_layers": 2, "num_attention_heads": 4}
EYES = {**TOWER, "image_size": SIDE, "patch_size": 8}
PICTURES = [Image.new("RGB", (48, 32), colour) for colour in ("red", "blue", "white")]


def saved(folder: Path, config: Any, model: Any) -> Path:
    """The model with a small tokenizer and a preparation beside it."""
    torch.manual_seed(0)
    model(config).eval().save_pretrained(folder)
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A [SEP]", special_tokens=[("[SEP]", 2)])
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]", unk_token="[UNK]"
    ).save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(
        json.dumps(
            {
                "size": {"height": SIDE, "width": SIDE},
                "image_mean": [0.5, 0.5, 0.5],
                "image_std": [0.5, 0.5, 0.5],
                "do_center_crop": False,
            }
        )
    )
    return folder


def clip() -> tuple[Any, Any]:
    text = {**TOWER, "vocab_size": len(WORDS), "max_position_embeddings": 77, "eos_token_id": 2, "bos_token_id": 1}
    return transformers.CLIPConfig(text_config=text, vision_config=EYES, projection_dim=16), transformers.CLIPModel


def siglip() -> tuple[Any, Any]:
    text = {**TOWER, "vocab_size": len(WORDS), "max_position_embeddings": 64}
    return transformers.SiglipConfig(text_config=text, vision_config=EYES), transformers.SiglipModel


def blip() -> tuple[Any, Any]:
    text = {**TOWER, "vocab_size": len(WORDS), "max_position_embeddings": 64, "bos_token_id": 1, "sep_token_id": 2,
            "pad_token_id": 0, "eos_token_id": 2, "encoder_hidden_size": 32}  # fmt: skip
    config = transformers.BlipConfig(text_config=text, vision_config=EYES, projection_dim=16)
    return config, transformers.BlipForConditionalGeneration


def vqa() -> tuple[Any, Any]:
    return blip()[0], transformers.BlipForQuestionAnswering


def git() -> tuple[Any, Any]:
    config = transformers.GitConfig(
        vision_config=EYES, vocab_size=len(WORDS), max_position_embeddings=80, bos_token_id=1, eos_token_id=2, pad_token_id=0,
        **TOWER,
    )  # fmt: skip
    return config, transformers.GitForCausalLM


def blip2() -> tuple[Any, Any]:
    qformer = {**TOWER, "vocab_size": len(WORDS), "encoder_hidden_size": 32, "cross_attention_frequency": 1}
    text = {"model_type": "opt", "vocab_size": len(WORDS), "hidden_size": 32, "num_hidden_layers": 2, "ffn_dim": 37,
            "num_attention_heads": 4, "word_embed_proj_dim": 32, "max_position_embeddings": 80, "pad_token_id": 0,
            "bos_token_id": 1, "eos_token_id": 2}  # fmt: skip
    config = transformers.Blip2Config(
        vision_config=EYES, qformer_config=qformer, text_config=text, num_query_tokens=4, image_token_index=10
    )
    return config, transformers.Blip2ForConditionalGeneration


@pytest.mark.parametrize("made", [clip, siglip], ids=lambda made: made.__name__)
def test_an_encoder_puts_pictures_and_words_in_one_space(tmp_path, made):
    folder = saved(tmp_path / "encoder", *made())
    encoder = load_encoder(folder, name="tiny", preparation=folder)
    pictures, words = (
        encoder.pictures(PICTURES),
        encoder.words(["a red star", "A RED star" if made is siglip else "a house"]),
    )
    assert pictures.shape == (3, words.shape[1]) and words.shape[0] == 2
    assert np.allclose(np.linalg.norm(np.concatenate([pictures, words]), axis=1), 1, atol=1e-5)
    assert np.allclose(words[0], words[1], atol=1e-5) == (made is siglip), "SigLIP reads lower case"
    assert encoder.words(["a " * 500]).shape == (1, words.shape[1])
    assert np.allclose(encoder.words(["a red star", "a " * 40])[0], words[0], atol=1e-5), "a neighbour changes nothing"


@pytest.mark.parametrize("made", [blip, git, blip2], ids=lambda made: made.__name__)
def test_a_captioner_gives_a_sentence_for_each_picture(tmp_path, made):
    folder = saved(tmp_path / "captioner", *made())
    captions = load_captioner(folder, name="tiny", preparation=folder)(PICTURES)
    assert len(captions) == 3 and not (made is blip2 and any("<image>" in caption for caption in captions))
    assert all(set(caption.split()) <= set(WORDS) for caption in captions)


def test_another_model_is_named(tmp_path):
    folder = saved(tmp_path / "other", *git())
    with pytest.raises(PackMissing, match="is a git; a CLIP or a SigLIP"):
        load_encoder(folder, name="x", preparation=folder)
    folder = saved(tmp_path / "encoder", *siglip())
    with pytest.raises(PackMissing, match="is a siglip; a BLIP"):
        load_captioner(folder, name="x", preparation=folder)
    (folder / "config.json").write_text("{")
    with pytest.raises(PackMissing, match="cannot be read"):
        load_encoder(folder, name="x", preparation=folder)

"""What the trainers lean on: the precision they compute in, an autoencoder that grows without moving latents, the lessons."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from studio.workshop import heavy

heavy.prepare()

from diffusers import AutoencoderKL  # noqa: E402

from studio.starter.loop import autocast  # noqa: E402
from studio.starter.shards import shard_scene  # noqa: E402
from studio.starter.vae import build_vae, shipped_vae  # noqa: E402


def test_a_cpu_computes_in_bfloat16_where_it_can_and_attention_in_full() -> None:
    x = torch.randn(2, 4, 8, 8)
    layer, norm = nn.Conv2d(4, 4, 1), nn.GroupNorm(2, 4)
    with autocast(torch.device("cpu")):
        made, even = layer(x), norm(layer(x))
        rows = made.flatten(2)
        seen = F.scaled_dot_product_attention(rows, rows, rows)
    native = torch.cpu._is_avx512_bf16_supported()
    assert made.dtype == (torch.bfloat16 if native else torch.float32)
    assert even.dtype == seen.dtype == torch.float32
    assert layer(x).dtype == torch.float32, "nothing of it outlasts the with"


def test_an_autoencoder_is_deepened_without_moving_a_latent(tmp_path: Path) -> None:
    shallow = AutoencoderKL.from_config({**build_vae().config, "layers_per_block": 1}).eval()
    shallow.save_pretrained(tmp_path / "vae")
    deep = shipped_vae(tmp_path).eval()
    assert sum(p.numel() for p in deep.parameters()) > sum(p.numel() for p in shallow.parameters())
    picture = torch.rand(1, 3, 64, 64) * 2 - 1
    with torch.no_grad():
        latents = shallow.encode(picture).latent_dist.mean
        torch.testing.assert_close(deep.encode(picture).latent_dist.mean, latents)
        torch.testing.assert_close(deep.decode(latents).sample, shallow.decode(latents).sample)


def test_a_fresh_autoencoder_carries_colour_from_end_to_end() -> None:
    vae = build_vae().eval()
    colours = torch.tensor([[-0.8, 0.1, 0.7], [0.5, -0.4, 0.2]])[:, :, None, None].expand(2, 3, 64, 64)
    with torch.no_grad():
        back = vae.decode(vae.encode(colours).latent_dist.mean).sample
    middle = back[:, :, 16:48, 16:48].mean((2, 3))
    assert torch.corrcoef(torch.stack([middle.flatten(), colours[:, :, 0, 0].flatten()]))[0, 1] > 0.9


def test_three_of_eight_shards_are_all_of_one_style() -> None:
    styles = [{shard_scene(number, row).style for row in range(40)} for number in range(8)]
    assert [len(found) for found in styles].count(1) == 3
    assert styles[3] == styles[7] == {"pixel art"} and styles[6] == {"pencil sketch"}

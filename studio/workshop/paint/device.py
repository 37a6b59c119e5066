"""Chooses where and how precisely to compute, what is held where, how many pictures at once; it moves no model there itself."""

from __future__ import annotations

import gc
import os
from collections.abc import Mapping
from typing import Any

import psutil
import torch

CPU_PIXELS = 1 << 18  # of one batch; beyond this a bigger batch is no faster on a CPU, and previews and Cancel get slow
CUDA_BYTES_PER_PIXEL = 12_000  # activations of an SD 1.5 sized UNet with guidance in fp16, measured loosely upwards
MPS_PIXELS = 1 << 20  # of one batch on Apple's GPUs, which share the machine's memory and do not say how much is free
# A picture whose decoding takes more than this is decoded in tiles, on every machine alike, so that it comes out the same
MOST_DECODING = 8 << 30
DECODING = 10  # activations of a decoder at full size, in copies of its last block's
# Beside a pipeline's weights a device needs room to compute: this share of what is free, and this much at least
ROOM_SHARE, ROOM = 0.2, 1 << 30
KEPT_SHARE = 0.5  # of the memory that would be free without any painter, for the painters that are kept
SMALL = 512 << 20  # a network's weights
FUSE_ROOM = 4 << 30  # free on the device beside the weights before the projections are held a second time, joined


def device() -> torch.device:
    """The GPU where there is one (NVIDIA's, AMD's or Apple's), else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def dtype(where: torch.device, *, kept: str = "") -> torch.dtype:
    """fp32 on a CPU, where half precision is slower; on a GPU fp16, or bf16 for weights that are `kept` as "bf16".

    The weights of Stable Diffusion 1, 2 and XL are published in fp16 and are as quick in bf16, which has three bits fewer for
    what it paints with. Its range is wanted only by weights that were trained in it, on cards that compute it (NVIDIA from
    8.0 on, Ampere; older ones emulate it slowly), and by autoencoders: see `vae_dtype`.
    """
    if where.type == "cpu":
        return torch.float32
    return torch.bfloat16 if kept == "bf16" and computes_bf16(where) else torch.float16


def computes_bf16(where: torch.device) -> bool:
    """Whether a device has units for bf16."""
    return where.type == "cuda" and torch.cuda.get_device_capability(where) >= (8, 0)


def vae_dtype(usual: torch.dtype, *, overflows: bool) -> torch.dtype:
    """The precision of an autoencoder beside a UNet of the usual one; `overflows` in fp16, as its config says.

    Activations of SDXL's own reach beyond 65,504, the most that fp16 can say (huggingface.co/madebyollin/sdxl-vae-fp16-fix).
    bf16 could hold them, but has 8 significant bits, no more than a pixel, so that decoding in it is off by a level here and
    there. They get fp32, as in diffusers' own pipeline; where that is slow, the pack of the VAE that was mended helps.
    """
    if torch.float32 == usual or overflows:
        return torch.float32
    return torch.float16


def whole(free: int, weights: int) -> bool:
    """Whether a pipeline's weights fit on a device whole, with room to compute; all in bytes.

    If not, only the part at work is there at a time, which is slower: each part travels once a picture.
    """
    return weights + max(ROOM, int(free * ROOM_SHARE)) <= free


def order(where: torch.device, *, weights: int) -> torch.memory_format:
    """How weights of so many bytes, a UNet's or a ControlNet's, lie in memory: channels last on CUDA, as tensor cores want it.

    On a CPU it depends: a picture of Storybook took 0.92 of the CPU time that it takes in the usual order (8 pairs), a step of
    Stable Diffusion 1.5's geometry at 256x256 1.06 (4 pairs). So small networks have their channels last, large ones not.
    """
    last = where.type == "cuda" or (where.type == "cpu" and weights < SMALL)
    return torch.channels_last if last else torch.contiguous_format


def fuses(where: torch.device, *, free: int) -> bool:
    """Whether the projections of attention are joined into one: fewer, larger products, for memory.

    On a CPU a step of Stable Diffusion 1.5's geometry took 1.04 of the CPU time with it (4 pairs), so it is off there. On CUDA
    it was never measured: a batch of one waits for the launches of its kernels, and this makes them fewer.
    """
    return where.type == "cuda" and free >= FUSE_ROOM


def compiles(where: torch.device) -> bool:
    """Whether blocks are compiled for a shape that comes again: on CUDA; elsewhere the wait is not worth it."""
    return where.type == "cuda"


def leaving(held: Mapping[str, int], budget: int) -> list[str]:
    """Which of the painters held in memory go, least recently used first, until the rest fits the budget; bytes.

    `held` stands in the order of use, the present one last: that one always stays.
    """
    total, gone = sum(held.values()), []
    for name, size in [*held.items()][:-1]:
        if total <= budget:
            break
        total -= size
        gone.append(name)
    return gone


def budget(held: int, *, free: int) -> int:
    """Bytes that painters may hold in RAM, where so much is free beside those that are held."""
    return int((held + free) * KEPT_SHARE)


def bytes_of(network: Any) -> int:
    """Of a network's parameters and buffers; what two of them share counts once."""
    held = {one.data_ptr(): one.nbytes for one in (*network.parameters(), *network.buffers())}
    return sum(held.values())


def free_ram() -> int:
    """Bytes of the machine's memory that programs can have without swapping."""
    return int(psutil.virtual_memory().available)


def free(where: torch.device) -> int:
    """Bytes that are free where it computes; what torch holds back for itself counts as free."""
    if where.type != "cuda":
        return free_ram()  # Apple's GPUs share the machine's memory
    given, _ = torch.cuda.mem_get_info(where)
    return int(given + torch.cuda.memory_reserved(where) - torch.cuda.memory_allocated(where))


def apart(where: torch.device) -> bool:
    """Whether a device has a memory of its own, into which weights have to move."""
    return where.type == "cuda"


def tiled(vae: Any, *, pixels: int) -> bool:
    """Whether a picture of so many pixels is too large to be decoded in one piece."""
    channels = vae.config.get("block_out_channels") or vae.config.get("decoder_block_out_channels")
    size = torch.finfo(vae.dtype).bits // 8
    return bool(pixels * channels[0] * DECODING * size > MOST_DECODING)


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that there was too little memory, on any device."""
    words = str(error).lower()
    said = "out of memory" in words or "can't allocate memory" in words or "not enough memory" in words
    return isinstance(error, MemoryError | torch.cuda.OutOfMemoryError) or (isinstance(error, RuntimeError) and said)


def give_back(where: torch.device) -> None:
    """Return what nobody holds any more to the device; call it outside of the `except` whose error holds the frames."""
    gc.collect()
    if where.type == "cuda":
        torch.cuda.empty_cache()
    elif where.type == "mps":
        torch.mps.empty_cache()


def name(where: torch.device) -> str:
    """What to call it on a page: "NVIDIA H200", "2 CPU cores"."""
    if where.type == "cuda":
        return str(torch.cuda.get_device_name(where))
    if where.type == "mps":
        return "Apple GPU"
    return f"{cores()} CPU cores"


def cores() -> int:
    """Cores this process may use (a container may allow fewer than the machine has)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def batch_size(where: torch.device, *, pixels: int, count: int) -> int:
    """How many pictures of so many pixels to paint at once, 1 to `count`."""
    if where.type == "cuda":
        free, _ = torch.cuda.mem_get_info(where)
        room = int(free * 0.7 / (pixels * CUDA_BYTES_PER_PIXEL))
    else:
        room = (MPS_PIXELS if where.type == "mps" else CPU_PIXELS) // pixels
    return max(1, min(count, room))

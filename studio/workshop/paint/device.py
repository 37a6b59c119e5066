"""Chooses where and how precisely to compute, how many pictures at once, what is tiled; it moves no model there itself."""

from __future__ import annotations

import gc
import os
from typing import Any

import torch

CPU_PIXELS = 1 << 18  # of one batch; beyond this a bigger batch is no faster on a CPU, and previews and Cancel get slow
CUDA_BYTES_PER_PIXEL = 12_000  # activations of an SD 1.5 sized UNet with guidance in fp16, measured loosely upwards
MPS_PIXELS = 1 << 20  # of one batch on Apple's GPUs, which share the machine's memory and do not say how much is free
# A picture whose decoding takes more than this is decoded in tiles, on every machine alike, so that it comes out the same
MOST_DECODING = 8 << 30
DECODING = 10  # activations of a decoder at full size, in copies of its last block's


def device() -> torch.device:
    """The GPU where there is one (NVIDIA's, AMD's or Apple's), else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def dtype(where: torch.device) -> torch.dtype:
    """fp16 on a GPU; fp32 on a CPU, where half precision is slower."""
    return torch.float32 if where.type == "cpu" else torch.float16


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

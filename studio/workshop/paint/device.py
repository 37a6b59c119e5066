"""Chooses where and how precisely to compute, and how many pictures at once; it moves nothing there itself."""

from __future__ import annotations

import os

import torch

CPU_PIXELS = 1 << 18  # of one batch; beyond this a bigger batch is no faster on a CPU, and previews and Cancel get slow
CUDA_BYTES_PER_PIXEL = 12_000  # activations of an SD 1.5 sized UNet with guidance in fp16, measured loosely upwards


def device() -> torch.device:
    """The GPU where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def dtype(where: torch.device) -> torch.dtype:
    """fp16 on a GPU; fp32 on a CPU, where half precision is slower."""
    return torch.float16 if where.type == "cuda" else torch.float32


def name(where: torch.device) -> str:
    """What to call it on a page: "NVIDIA H200", "2 CPU cores"."""
    if where.type == "cuda":
        return str(torch.cuda.get_device_name(where))
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
        room = CPU_PIXELS // pixels
    return max(1, min(count, room))

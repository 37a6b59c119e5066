"""Lets torchvision be imported beside a CPU build of torch; it defines two operator names and no behaviour."""

from __future__ import annotations

import torch


def define_missing_ops() -> list[object]:
    """Declare `torchvision::nms` and `qnms` where they are missing; keep the result alive.

    The stock torchvision wheel with a CPU-only torch fails to import for want of them; nothing here ever calls them.
    """
    kept: list[object] = []
    if not hasattr(torch.ops.torchvision, "nms"):
        library = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        kept.append(library)
    return kept

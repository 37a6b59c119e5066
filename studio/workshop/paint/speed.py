"""What is done to a loaded pipeline so that it is quick, and how that is taken back; it decides no precision and no place."""

from __future__ import annotations

import logging
from collections.abc import Hashable
from typing import Any

import torch

from studio.workshop.paint import device as devices

# Shapes that are compiled for one painter: each takes seconds to compile and is never given back before the process ends
MOST_SHAPES = 6
RECOMPILES = 256  # torch's own limit of 8 is reached by two shapes: a UNet has four widths of blocks
logger = logging.getLogger(__name__)


class Speed:
    """One pipeline's UNet: its memory order, its projections joined, its blocks compiled for shapes that come again.

    `joined` and `compiled` say how the walk at work is done: both change a picture's last digits. `backend` is
    torch.compile's. What fails to compile runs as it did before, at the same step; that is said once, in the log.
    """

    def __init__(self, pipe: Any, where: torch.device, *, backend: str = "inductor") -> None:
        self._pipe, self._where, self._backend = pipe, where, backend
        self._plain: dict[str, Any] | None = None  # the attention's own processors, while projections are joined
        self._compiled: dict[Any, Any] = {}  # a block -> its compiled call
        self._now: set[Hashable] = set()  # shapes of this recipe, then of earlier ones, then those compiled for
        self._before: set[Hashable] = set()
        self._for: set[Hashable] = set()
        self._failed = False
        self.joined = self.compiled = False
        pipe.unet.to(memory_format=devices.order(where, weights=devices.bytes_of(pipe.unet)))

    def bare(self) -> None:
        """As diffusers made it: nothing joined, nothing compiled. Before LoRAs and IP-Adapters are put on or taken off."""
        self._use(compiled=False)
        self._join(False)
        self.joined = False

    def ready(self, shape: Hashable, *, joined: bool) -> None:
        """Before a walk. `shape`: all that the compiled code depends on. `joined`: whether projections may be.

        They may not in LoRAs or an IP-Adapter, which change them. Never compiles for a shape that no earlier recipe had.
        """
        stays = self._plain is not None
        self._join(joined and (stays or devices.fuses(self._where, free=devices.free(self._where))))
        self.joined = self._plain is not None
        self._now.add(shape)
        again = shape in self._before and devices.compiles(self._where) and not self._failed
        if again and shape not in self._for and len(self._for) < MOST_SHAPES:
            self._for.add(shape)
            logger.info("compiling the painter's blocks for a shape that came again: %s", shape)
        self._use(compiled=again and shape in self._for)

    def done(self) -> None:
        """A recipe is painted: its shapes are known from now on."""
        self._before |= self._now
        self._now = set()
        self.joined = self.compiled = False

    def _join(self, wanted: bool) -> None:
        unet = self._pipe.unet
        if wanted == (self._plain is not None):
            return
        if wanted:
            with torch.inference_mode(False), torch.no_grad():
                unet.fuse_qkv_projections()
            self._plain = unet.original_attn_processors
            return
        unet.unfuse_qkv_projections()
        self._plain = None
        for module in unet.modules():  # diffusers leaves the joined weights where they are
            for name in ("to_qkv", "to_kv"):
                if hasattr(module, name):
                    delattr(module, name)
            if hasattr(module, "fused_projections"):
                module.fused_projections = False

    def _use(self, *, compiled: bool) -> None:
        if compiled and not self._compiled:
            self._compile()
        for block, call in self._compiled.items():
            block._compiled_call_impl = call if compiled else None
        self.compiled = compiled and bool(self._compiled)

    def _compile(self) -> None:
        """Nothing is compiled yet when this returns: each block is when it first runs."""
        config: Any = torch._dynamo.config
        config.recompile_limit = max(config.recompile_limit, RECOMPILES)
        config.accumulated_recompile_limit = max(config.accumulated_recompile_limit, 4 * RECOMPILES)
        try:
            self._pipe.unet.compile_repeated_blocks(backend=self._backend, dynamic=False)
        except (
            Exception
        ) as error:  # torch.compile raises whatever it stumbles upon: no compiler, a UNet without such blocks
            self._give_up(error)
            return
        for block in self._pipe.unet.modules():
            call = block._compiled_call_impl
            if call is not None:
                self._compiled[block] = _Tried(self, block, call)

    def _give_up(self, error: BaseException) -> None:
        """Back to how it was, for good."""
        if not self._failed:
            logger.warning("the painter's blocks do not compile here, so they run as they are: %s", str(error)[:300])
        self._failed = True
        self._use(compiled=False)


class _Tried:
    """A block's compiled call that falls back to the plain one where it fails."""

    def __init__(self, speed: Speed, block: Any, call: Any) -> None:
        self._speed, self._block, self._call = speed, block, call

    def __call__(self, *told: Any, **named: Any) -> Any:
        if not self._speed._failed:
            try:
                return self._call(*told, **named)
            except Exception as error:
                if devices.out_of_memory(error):
                    raise
                self._speed._give_up(error)
        return self._block._call_impl(*told, **named)

"""What moves the weights: Muon, AdamW and an average of where they have been; it knows nothing of models."""

from __future__ import annotations

from typing import Any

import torch


class Average:
    """An exponential moving average of a model's weights, with a short memory at the start."""

    def __init__(self, model: torch.nn.Module, decay: float = 0.999) -> None:
        self.decay, self.count = decay, 0
        self.weights = {k: v.detach().clone() for k, v in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: torch.nn.Module) -> None:
        """Move a little towards the model."""
        self.count += 1
        keep = min(self.decay, (1 + self.count) / (10 + self.count))
        for key, value in model.state_dict().items():
            if value.is_floating_point():
                self.weights[key].lerp_(value, 1 - keep)
            else:
                self.weights[key].copy_(value)

    def state_dict(self) -> dict[str, Any]:
        return {"count": self.count, "weights": self.weights}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.count = state["count"]
        for key, value in state["weights"].items():
            self.weights[key].copy_(value)


class FlatMuon(torch.optim.Optimizer):
    """Muon (Jordan 2024) in fp32 for matrices and for convolutions seen as matrices; step sizes matched to AdamW's.

    torch's own takes matrices only and works in bf16, which is three times slower than fp32 on a CPU without bf16 units.
    """

    def __init__(
        self, weights: list[torch.nn.Parameter], *, rate: float, momentum: float = 0.95, decay: float = 0.01
    ) -> None:
        super().__init__(weights, {"lr": rate, "momentum": momentum, "decay": decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                state = self.state[weight]
                if not state:
                    state["velocity"] = torch.zeros_like(weight)
                velocity = state["velocity"].lerp_(weight.grad, 1 - group["momentum"])
                ahead = weight.grad.lerp(velocity, group["momentum"])
                # Kernels last: a view, not a copy, of weights that are laid out channels_last.
                turned = ahead.movedim(1, -1) if ahead.ndim > 2 else ahead
                flat = turned.reshape(len(turned), -1)
                update = _orthogonal(flat).reshape(turned.shape)
                update = update.movedim(-1, 1) if ahead.ndim > 2 else update
                weight.mul_(1 - group["lr"] * group["decay"])
                weight.add_(update, alpha=-group["lr"] * 0.2 * max(flat.shape) ** 0.5)


def _orthogonal(matrix: torch.Tensor, rounds: int = 5) -> torch.Tensor:
    """The nearest semi-orthogonal matrix, roughly, by a quintic Newton-Schulz iteration.

    Each round multiplies by a polynomial of x x^T, and these commute: so the rounds run on that small square matrix alone,
    and the long matrix is touched twice, which halves the cost for a convolution.
    """
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / (x.norm() + 1e-7)
    square = x @ x.T
    product: torch.Tensor | None = None
    for i in range(rounds):
        factor = torch.addmm(square, square, square, beta=-4.7750, alpha=2.0315)
        factor.diagonal().add_(3.4445)
        product = factor if product is None else factor @ product
        if i + 1 < rounds:
            square = factor @ square @ factor
    assert product is not None
    x = product @ x
    return x.T if tall else x


class Optimisers:
    """Muon for the matrices and AdamW for the rest, stepped as one (Jordan 2024; learning rates matched to AdamW's)."""

    def __init__(
        self, model: torch.nn.Module, *, rate: float, muon_rate: float, muon_for: str, decay: float = 0.01
    ) -> None:
        """muon_for: a part of the name that a weight with two or more axes must have to be given to Muon."""
        live = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
        matrices = [p for name, p in live if p.ndim >= 2 and muon_for in name]
        chosen = {id(p) for p in matrices}
        rest = [p for _, p in live if id(p) not in chosen]
        self.each: list[torch.optim.Optimizer] = [
            torch.optim.AdamW(rest, lr=rate, betas=(0.9, 0.98), weight_decay=decay)
        ]
        if matrices:
            self.each.append(FlatMuon(matrices, rate=muon_rate, decay=decay))
        for optimiser, base in zip(self.each, (rate, muon_rate), strict=False):
            for group in optimiser.param_groups:
                group["base"] = base

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        return [group for optimiser in self.each for group in optimiser.param_groups]

    def zero_grad(self, set_to_none: bool = True) -> None:
        for optimiser in self.each:
            optimiser.zero_grad(set_to_none=set_to_none)

    def step(self) -> None:
        for optimiser in self.each:
            optimiser.step()

    def state_dict(self) -> list[Any]:
        return [optimiser.state_dict() for optimiser in self.each]

    def load_state_dict(self, state: list[Any]) -> None:
        for optimiser, saved in zip(self.each, state, strict=True):
            optimiser.load_state_dict(saved)


def descend(model: torch.nn.Module, optimiser: torch.optim.Optimizer | Optimisers, loss: torch.Tensor) -> None:
    """One step down the loss, the gradients of the weights that learn clipped to a norm of 1."""
    optimiser.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_([p for p in model.parameters() if p.requires_grad], 1.0)
    optimiser.step()

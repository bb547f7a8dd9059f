"""The two products of a site, tokens in and components out: nothing of size tokens × O is made twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional


class Place(NamedTuple):
    """Where one part of a linear map lies: among the components, and among the output features."""

    components: slice
    features: slice


def product_in(x: Tensor, linear: nn.Linear, inward: Tensor) -> tuple[Tensor, Tensor]:
    """Map tokens ``x`` (M, D) by ``linear`` to (M, O) and by ``inward`` to (M, K); x gets one gradient for both."""
    weight: Tensor = linear.weight
    bias: Tensor | None = linear.bias
    if torch.compiler.is_compiling():  # the compiler fuses what the functions below do by hand
        return functional.linear(x, weight, bias), functional.linear(x, inward)
    kind = x.device.type
    if torch.is_autocast_enabled(kind):
        dtype = torch.get_autocast_dtype(kind)
        x, weight, inward = x.to(dtype), weight.to(dtype), inward.to(dtype)
        bias = bias if bias is None else bias.to(dtype)
    both: tuple[Tensor, Tensor] = _In.apply(x, weight, bias, inward)
    return both


def product_out(output: Tensor, components: Tensor, ups: Sequence[Tensor], places: Sequence[Place]) -> Tensor:
    """Map each part's share of ``components`` (M, K) by its ``up`` (K_p, O_p) and add it to its part of ``output``.

    ``output`` (M, O) is written over where no compiler looks after memory; ``places`` has the place of each of ``ups``.
    """
    components, ups = components.to(output.dtype), [up.to(output.dtype) for up in ups]
    if not torch.compiler.is_compiling():
        added: Tensor = _Out.apply(output, components, places, *ups)
        return added
    parts, done = [], 0
    for place, up in zip(places, ups, strict=True):
        own = output[:, place.features] + components[:, place.components] @ up
        parts += [output[:, done : place.features.start], own]
        done = place.features.stop
    return torch.cat([*parts, output[:, done:]], dim=-1)


class _In(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, inward: Tensor) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(x, weight, inward)
        output = x @ weight.t() if bias is None else torch.addmm(bias, x, weight.t())
        return output, x @ inward.t()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor, grad_in: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, inward = ctx.saved_tensors
        wants_x, wants_weight, wants_bias, wants_inward = ctx.needs_input_grad
        return (
            (grad @ weight).addmm_(grad_in, inward) if wants_x else None,
            grad.t() @ x if wants_weight else None,
            grad.sum(0) if wants_bias else None,
            grad_in.t() @ x if wants_inward else None,
        )


class _Out(Function):
    @staticmethod
    def forward(ctx: Any, output: Tensor, components: Tensor, places: Sequence[Place], *ups: Tensor) -> Tensor:
        ctx.mark_dirty(output)
        ctx.save_for_backward(components, *ups)
        ctx.places = places
        for place, up in zip(places, ups, strict=True):
            output[:, place.features].addmm_(components[:, place.components], up)
        return output

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        components, *ups = ctx.saved_tensors
        grad_components, grad_ups = torch.empty_like(components), []
        for place, up in zip(ctx.places, ups, strict=True):
            own = grad[:, place.features]
            grad_components[:, place.components] = own @ up.t()
            grad_ups.append(components[:, place.components].t() @ own)
        return grad, grad_components, None, *grad_ups

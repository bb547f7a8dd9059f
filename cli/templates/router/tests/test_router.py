"""What only this package can know of its router."""

from __future__ import annotations

import torch

from unistd_newname.router import NewNameRouter


def test_gates_are_independent() -> None:
    weights = NewNameRouter(4, 3).gate(torch.tensor([0.0, 0.0, 100.0]))
    assert torch.allclose(weights, torch.tensor([0.25, 0.25, 0.5]))


def test_a_sharper_router_is_nearer_to_one_expert() -> None:
    scores = torch.tensor([-1.0, 1.0])
    soft, sharp = (NewNameRouter(4, 2, sharpness=each).gate(scores) for each in (1, 4))
    assert sharp[1] > soft[1] > sharp[0]

"""What only this package can know of its head."""

from __future__ import annotations

import torch

from unistd_newname.head import NewNameHead


def test_a_correction_of_zero_is_the_last_frame() -> None:
    head = NewNameHead(past=2, future=3, channels_in=1, channels_out=1, trunk_width=8)
    x = torch.randn(1, 2, 1, 4, 5)
    for parameter in head.out_of.parameters():
        torch.nn.init.zeros_(parameter)
    assert torch.equal(head.decode(head.encode(x)), x[:, -1:].expand(1, 3, 1, 4, 5))

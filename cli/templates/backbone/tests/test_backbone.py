"""What only this package can know of its trunk."""

from __future__ import annotations

import torch

from unistd_newname.backbone import NewNameBackbone


def test_one_block_sees_rows_and_columns_only() -> None:
    trunk, x = NewNameBackbone(width=8, depth=1), torch.randn(1, 12, 8)
    changed = x.clone()
    changed[:, 0] += torch.randn(8)
    same = (trunk(x, (3, 4)) == trunk(changed, (3, 4))).all(dim=-1).view(3, 4)
    assert not same[0].any()
    assert not same[:, 0].any()
    assert same[1:, 1:].all()

"""What only this package can know of its task."""

from __future__ import annotations

import numpy as np

from unistd_newname.task import NewNameTask


def test_a_wave_keeps_its_height_while_it_moves() -> None:
    first = next(NewNameTask(height=64, width=64).sequences())
    assert np.allclose(first.frames.max(axis=(1, 2, 3)), 1, atol=0.02)
    assert not np.allclose(first.frames[0], first.frames[1], atol=0.1)


def test_another_seed_gives_other_waves() -> None:
    one, other = (next(NewNameTask(seed=seed).sequences()).frames for seed in (0, 1))
    assert not np.array_equal(one, other)

"""What every head must hold."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import partial
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from unistd.core.head import TaskHead
from unistd.core.testing import checks

PAST, FUTURE, CHANNELS, WIDTH = 3, 5, 2, 12
SIZES = ((1, 1), (1, 9), (5, 3), (8, 12))


class HeadContract(ABC):
    """Subclass it as ``class TestMine(HeadContract)`` and write ``make``."""

    @abstractmethod
    def make(self, *, past: int, future: int, channels_in: int, channels_out: int, trunk_width: int) -> TaskHead:
        """Return a new head from T, T', C, C' and D."""

    def _build(self, out: int = CHANNELS) -> TaskHead:
        return self.make(past=PAST, future=FUTURE, channels_in=CHANNELS, channels_out=out, trunk_width=WIDTH)

    def _made(self, out: int = CHANNELS) -> TaskHead:
        head = checks.seeded(partial(self._build, out)).eval()
        checks.shaken(head)
        return head

    def _run(self, head: TaskHead, *, to: torch.dtype | torch.device = torch.float32) -> Tensor:
        return head.decode(head.encode(checks.noise(2, PAST, CHANNELS, 5, 7).to(to)))

    def test_any_size_comes_back(self) -> None:
        """Encode (B, T, C, H, W) as h·w tokens of D and decode (B, T', C', H, W)."""
        head = self._made()
        for size in SIZES:
            for batch in (1, 2):
                encoded = head.encode(checks.noise(batch, PAST, CHANNELS, *size))
                wanted = (batch, encoded.grid[0] * encoded.grid[1], WIDTH)
                found = tuple(encoded.tokens.shape)
                assert found == wanted, f"frames of {size} became tokens {found} on grid {encoded.grid}"
                frames = tuple(head.decode(encoded).shape)
                assert frames == (batch, FUTURE, CHANNELS, *size), f"frames of {size} were forecast as {frames}"

    def test_other_channels_out(self) -> None:
        """Forecast C' channels from C."""
        frames = tuple(self._run(self._made(out=3)).shape)
        assert frames == (2, FUTURE, 3, 5, 7), f"3 channels were asked for, the forecast is {frames}"

    def test_the_trunk_reaches_the_forecast(self) -> None:
        """Decode from the tokens, not from the memory alone."""
        head = self._made()
        encoded = head.encode(checks.noise(2, PAST, CHANNELS, 5, 7))
        other = head.decode(encoded._replace(tokens=encoded.tokens + 1 + encoded.tokens.flip(-1)))
        assert not torch.equal(other, head.decode(encoded)), "what the trunk makes of the tokens changes no forecast"

    def test_dtype_follows_the_input(self) -> None:
        """Compute in the type of weights and frames."""
        checks.require_dtypes(self._made, lambda own, dtype: self._run(cast(TaskHead, own), to=dtype))

    def test_it_moves_as_a_whole(self) -> None:
        """Follow its input to another device, with all it holds."""
        head = self._made()
        checks.require_moves(head, lambda: self._run(head, to=checks.ELSEWHERE))

    def test_gradients_reach_what_learns(self) -> None:
        """Learn on both ways."""
        head = self._made().train()
        checks.require_gradients([head], self._run(head))

    def test_same_input_same_bits(self) -> None:
        """Repeat itself in evaluation."""
        head = self._made()
        checks.require_repeats(lambda: self._run(head).detach())

    def test_no_global_random_state(self) -> None:
        """Draw no number from the global generators in evaluation."""
        head = self._made()
        checks.require_no_global_random(lambda: self._run(head))

    def test_saved_and_loaded_it_is_the_same(self, tmp_path: Path) -> None:
        """Hold all it needs in its state."""
        checks.require_round_trip(self._build, lambda own: self._run(cast(TaskHead, own)), tmp_path)

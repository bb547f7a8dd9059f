"""What every metric must hold."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor

from unistd.core.metric import Metric, Score
from unistd.core.testing import checks

LEADS, WINDOWS = 2, 7


class MetricContract(ABC):
    """Subclass it as ``class TestMine(MetricContract)`` and write ``make``."""

    @abstractmethod
    def make(self, *, leads: int) -> Metric:
        """Return a new metric of T' = ``leads``, of data in [0, 1] with unit ``1``."""

    def _frames(self) -> tuple[Tensor, Tensor]:
        """Return prediction and target (B, T', C', H, W), some pixels and one whole window missing."""
        rng = torch.Generator().manual_seed(3)
        shape = (WINDOWS, LEADS, 2, 12, 13)
        target = torch.rand(shape, generator=rng)
        prediction = target + torch.rand(shape, generator=rng) * torch.rand(WINDOWS, 1, 1, 1, 1, generator=rng)
        target[torch.rand(shape, generator=rng) < 0.005] = math.nan
        target[4] = math.nan
        return prediction, target

    def _fed(self, frames: tuple[Tensor, Tensor], batch: int) -> Metric:
        metric = self.make(leads=LEADS)
        for prediction, target in zip(*(torch.split(each, batch) for each in frames), strict=True):
            metric.update(prediction, target)
        return metric

    def test_a_finite_value_and_one_per_lead(self) -> None:
        """Give a scalar and (T') numbers."""
        score = self._fed(self._frames(), WINDOWS).compute()
        assert score.value.ndim == 0, f"the value must be a scalar, has shape {tuple(score.value.shape)}"
        assert score.value.isfinite(), f"the value is {score.value}"
        shape = tuple(score.per_lead.shape)
        assert shape == (LEADS,), f"{LEADS} leads need as many values, got shape {shape}"

    def test_batches_do_not_matter(self) -> None:
        """Give one value however the windows are cut into batches, and in whatever order they come."""
        frames = self._frames()
        whole = self._fed(frames, WINDOWS).compute()
        for batch in (1, 3):
            _require_close(self._fed(frames, batch).compute(), whole, f"batches of {batch} and one of {WINDOWS}")
        turned = (frames[0].flip(0), frames[1].flip(0))
        _require_close(self._fed(turned, 3).compute(), whole, "windows in another order")

    def test_processes_do_not_matter(self) -> None:
        """Give one value when states of uneven shards are joined by their own reductions."""
        frames = self._frames()
        shards = [self._fed((frames[0][rank::2], frames[1][rank::2]), 2) for rank in range(2)]
        joined = self.make(leads=LEADS)
        for name, reduction in joined._reductions.items():
            assert reduction is not None, f"state '{name}' has no dist_reduce_fx, so processes cannot join it"
            reduce = cast(Callable[[Tensor], Tensor], reduction)
            setattr(joined, name, reduce(torch.stack([getattr(shard, name) for shard in shards])))
        joined._update_count = 1
        _require_close(joined.compute(), self._fed(frames, WINDOWS).compute(), "two processes and one")

    def test_it_moves_as_a_whole(self) -> None:
        """Take in frames on another device once it has moved there."""
        metric = self.make(leads=LEADS)
        prediction, target = (each.to(checks.ELSEWHERE) for each in self._frames())

        def updated() -> Tensor:
            metric.update(prediction, target)
            state = next(iter(metric.metric_state.values()), prediction)
            return state if isinstance(state, Tensor) else state[0]

        checks.require_moves(metric, updated)

    def test_missing_pixels_take_no_part(self) -> None:
        """Ask nothing of a prediction where the target is missing."""
        prediction, target = self._frames()
        other = torch.where(target.isnan(), prediction + 1, prediction)
        left, right = (self._fed((each, target), 3).compute() for each in (prediction, other))
        _require_close(left, right, "predictions that differ at missing pixels only")

    def test_the_input_is_left_as_it_is(self) -> None:
        """Change neither prediction nor target."""
        frames = self._frames()
        before = [each.clone() for each in frames]
        self._fed(frames, 3)
        same = all(torch.equal(a.nan_to_num(-1), b.nan_to_num(-1)) for a, b in zip(frames, before, strict=True))
        assert same, "update() changed the frames it was given"

    def test_its_identity_is_complete(self) -> None:
        """Say name, unit, reduction and which way is better."""
        identity = self.make(leads=LEADS).identity
        empty = [name for name in ("name", "unit", "reduction") if not getattr(identity, name)]
        assert not empty, f"the identity lacks {', '.join(empty)}"
        ways = ("lower", "higher", "one")
        assert identity.better in ways, f"'better' is one of {', '.join(ways)}, got '{identity.better}'"

    def test_no_global_random_state(self) -> None:
        """Draw no number from the global generators."""
        checks.require_no_global_random(lambda: self._fed(self._frames(), 3).compute())


def _require_close(left: Score, right: Score, what: str) -> None:
    assert left.parts.keys() == right.parts.keys(), f"{what} must give the same parts"
    pairs = [(left.value, right.value), (left.per_lead, right.per_lead)]
    pairs += [(left.parts[name], right.parts[name]) for name in left.parts]
    close = all(torch.allclose(a, b, rtol=1e-6, atol=0, equal_nan=True) for a, b in pairs)
    assert close, f"{what} must give the same value, got {left.value.item()} and {right.value.item()}"

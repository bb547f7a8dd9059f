"""What every router must hold."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

from torch import Tensor

from unistd.core.router import Router
from unistd.core.testing import checks

WIDTH, EXPERTS = 6, 3


class RouterContract(ABC):
    """Subclass it as ``class TestMine(RouterContract)`` and write ``make``."""

    @abstractmethod
    def make(self, width: int, experts: int) -> Router:
        """Return a new router of E = ``experts`` for tokens of ``width`` D."""

    def _made(self) -> Router:
        return checks.seeded(lambda: self.make(WIDTH, EXPERTS)).eval()

    def test_a_weight_for_every_expert(self) -> None:
        """Map (..., D) to (..., E), for one expert too."""
        for experts in (1, 2, EXPERTS):
            for shape in ((1, 1), (2, 5), (7,)):
                weights = self.make(WIDTH, experts)(checks.noise(*shape, WIDTH))
                assert weights.shape == (*shape, experts), (
                    f"tokens {(*shape, WIDTH)} got weights {tuple(weights.shape)}"
                )

    def test_rows_sum_to_one(self) -> None:
        """Give weights that are shares."""
        weights = self._made()(checks.noise(50, WIDTH))
        worst = (weights.sum(-1) - 1).abs().max()
        assert worst < 1e-5, f"rows of weights must sum to 1, one is off by {worst}"

    def test_every_expert_can_win(self) -> None:
        """Shut no expert out."""
        won = set(self._made()(5 * checks.noise(400, WIDTH)).argmax(-1).tolist())
        assert won == set(range(EXPERTS)), f"of {EXPERTS} experts only {sorted(won)} ever have the largest weight"

    def test_dtype_follows_the_input(self) -> None:
        """Compute in the type of weights and tokens."""
        checks.require_dtypes(self._made, lambda own, dtype: own(checks.noise(5, WIDTH).to(dtype)))

    def test_it_moves_as_a_whole(self) -> None:
        """Follow its input to another device, with all it holds."""
        router = self._made()
        checks.require_moves(router, lambda: router(checks.noise(5, WIDTH).to(checks.ELSEWHERE)))

    def test_gradients_reach_what_learns(self) -> None:
        """Learn from the weights it gives."""
        router = self._made().train()
        checks.require_gradients([router], router(checks.noise(20, WIDTH)))

    def test_same_input_same_bits(self) -> None:
        """Repeat itself in evaluation."""
        router = self._made()
        checks.require_repeats(lambda: router(checks.noise(5, WIDTH)).detach())

    def test_no_global_random_state(self) -> None:
        """Draw no number from the global generators in evaluation."""
        router = self._made()
        checks.require_no_global_random(lambda: router(checks.noise(5, WIDTH)))

    def test_saved_and_loaded_it_is_the_same(self, tmp_path: Path) -> None:
        """Hold all it needs in its state."""
        make = lambda: self.make(WIDTH, EXPERTS)  # noqa: E731
        checks.require_round_trip(make, lambda own: own(checks.noise(5, WIDTH)), tmp_path)

    def test_the_observer_sees_the_weights(self) -> None:
        """Show what it gives to whoever counts the use of experts."""
        router, seen = self._made(), list[Tensor]()
        router.observer = seen.append
        weights = router(checks.noise(5, WIDTH))
        assert len(seen) == 1, f"the observer must be called once a batch, was called {len(seen)} times"
        checks.require_same(seen[0], weights.detach(), "the observer must see the weights that are given")

"""What every temporal module must hold."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

from unistd.core.temporal import TemporalModule
from unistd.core.testing import checks

WIDTH, GRID = 12, (3, 5)


class TemporalContract(ABC):
    """Subclass it as ``class TestMine(TemporalContract)`` and write ``make``."""

    @abstractmethod
    def make(self, width: int) -> TemporalModule:
        """Return a new module for tokens of ``width`` D."""

    def _made(self) -> TemporalModule:
        return checks.seeded(lambda: self.make(WIDTH)).eval()

    def _shaken(self) -> TemporalModule:
        module = self._made()
        checks.shaken(module)
        return module

    def test_identity_at_the_start(self) -> None:
        """Return the tokens to the bit before anything was learned."""
        x = 10 * checks.noise(2, 15, WIDTH)
        checks.require_same(self._made()(x, GRID), x, "a new temporal module must return its tokens")

    def test_any_grid_and_batch_keep_their_shape(self) -> None:
        """Map (B, N, D) to (B, N, D)."""
        module = self._shaken()
        for grid in checks.GRIDS:
            for batch in (1, 2):
                x = checks.noise(batch, grid[0] * grid[1], WIDTH)
                shape = module(x, grid).shape
                assert shape == x.shape, f"tokens {tuple(x.shape)} came back as {tuple(shape)} on grid {grid}"

    def test_dtype_follows_the_input(self) -> None:
        """Compute in the type of weights and tokens."""
        checks.require_dtypes(self._shaken, lambda own, dtype: own(checks.noise(2, 15, WIDTH).to(dtype), GRID))

    def test_it_moves_as_a_whole(self) -> None:
        """Follow its input to another device, with all it holds."""
        module = self._shaken()
        checks.require_moves(module, lambda: module(checks.noise(2, 15, WIDTH).to(checks.ELSEWHERE), GRID))

    def test_gradients_reach_what_learns(self) -> None:
        """Learn from the first step on."""
        module = self._made().train()
        learning = [p for p in module.parameters() if p.requires_grad]
        if not learning:
            return
        checks.require_gradients([module], module(checks.noise(2, 15, WIDTH), GRID))
        moved = any(p.grad is not None and bool(p.grad.any()) for p in learning)
        assert moved, "every gradient of a new module is zero, so it would stay the identity"

    def test_same_input_same_bits(self) -> None:
        """Repeat itself in evaluation."""
        module = self._shaken()
        checks.require_repeats(lambda: module(checks.noise(2, 15, WIDTH), GRID).detach())

    def test_no_global_random_state(self) -> None:
        """Draw no number from the global generators in evaluation."""
        module = self._shaken()
        checks.require_no_global_random(lambda: module(checks.noise(2, 15, WIDTH), GRID))

    def test_saved_and_loaded_it_is_the_same(self, tmp_path: Path) -> None:
        """Hold all it needs in its state."""
        checks.require_round_trip(lambda: self.make(WIDTH), lambda own: own(checks.noise(2, 15, WIDTH), GRID), tmp_path)

    def test_sites_are_linear_maps(self) -> None:
        """Name linear maps of the stated shape."""
        module = self._made()
        checks.require_sites(module, module.sites())

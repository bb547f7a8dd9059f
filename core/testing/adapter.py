"""What every adapter must hold."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from unistd.core.adapter import Adapter, Site
from unistd.core.testing import checks

WIDTH = 6
SITES = (
    Site(name="layers.0.attn.qkv", width=WIDTH, parts={"q": 6, "k": 6, "v": 6}),
    Site(name="layers.0.attn.proj", width=WIDTH, parts={"proj": 6}),
)


class AdapterContract(ABC):
    """Subclass it as ``class TestMine(AdapterContract)`` and write ``make``."""

    @abstractmethod
    def make(self, sites: Sequence[Site]) -> Mapping[str, Adapter]:
        """Return new adapters of ``sites``, beside a fused ``qkv`` and a ``proj``, with a router where one is used."""

    def _build(self) -> nn.ModuleDict:
        made = self.make(SITES)
        return nn.ModuleDict({str(i): made[s.name] for i, s in enumerate(SITES) if s.name in made})

    def _made(self, *, shaken: bool = True) -> nn.ModuleDict:
        adapters = checks.seeded(self._build).eval()
        if shaken:
            checks.shaken(adapters)
        return adapters

    def _linears(self) -> list[nn.Linear]:
        return [
            checks.seeded(partial(nn.Linear, site.width, sum(site.parts.values()))).requires_grad_(False)
            for site in SITES
        ]

    def _run(self, adapters: nn.Module, *, to: torch.dtype | torch.device = torch.float32) -> Tensor:
        x, linears = checks.noise(2, 5, WIDTH).to(to), nn.ModuleList(self._linears()).to(to)
        return torch.cat([own(x, linears[int(index)]) for index, own in adapters.named_children()], dim=-1)

    def test_only_sites_that_are_there(self) -> None:
        """Make adapters for names it was given, and for one at least."""
        names, known = set(self.make(SITES)), {site.name for site in SITES}
        assert names, "no site got an adapter"
        assert names <= known, f"adapters were made for {sorted(names - known)}, which are no sites"

    def test_zero_at_the_start(self) -> None:
        """Return the linear map's own output to the bit before anything was learned."""
        x, linears = checks.noise(2, 5, WIDTH), self._linears()
        for index, own in self._made(shaken=False).named_children():
            linear = linears[int(index)]
            checks.require_same(own(x, linear), linear(x), "a new adapter must return linear(x)")

    def test_it_takes_effect(self) -> None:
        """Change the output once its parameters have moved."""
        before, after = self._run(self._made(shaken=False)), self._run(self._made())
        assert not torch.equal(before, after), "moving every parameter changes no output"

    def test_any_leading_shape(self) -> None:
        """Map (..., D) to (..., O)."""
        adapters = self._made()
        for shape in ((1, 1), (3, 7), (4,)):
            x, linears = checks.noise(*shape, WIDTH), self._linears()
            for index, own in adapters.named_children():
                wanted = linears[int(index)](x).shape
                found = own(x, linears[int(index)]).shape
                assert found == wanted, f"tokens {tuple(x.shape)} gave {tuple(found)} in place of {tuple(wanted)}"

    def test_dtype_follows_the_input(self) -> None:
        """Compute in the type of weights and tokens."""
        checks.require_dtypes(self._made, lambda own, dtype: self._run(own, to=dtype))

    def test_it_moves_as_a_whole(self) -> None:
        """Follow its input to another device, with all it holds."""
        adapters = self._made()
        checks.require_moves(adapters, lambda: self._run(adapters, to=checks.ELSEWHERE))

    def test_gradients_reach_what_learns_and_not_the_frozen_map(self) -> None:
        """Learn beside a linear map that does not, and pass the gradient on to the tokens."""
        x = checks.noise(2, 5, WIDTH).requires_grad_()
        for index, own in self._made().train().named_children():
            linear = self._linears()[int(index)]
            checks.require_gradients([own], own(x, linear))
            assert x.grad is not None, "no gradient passes to the tokens"
            assert linear.weight.grad is None, "the frozen linear map got a gradient"

    def test_same_input_same_bits(self) -> None:
        """Repeat itself in evaluation."""
        adapters = self._made()
        checks.require_repeats(lambda: self._run(adapters).detach())

    def test_no_global_random_state(self) -> None:
        """Draw no number from the global generators in evaluation."""
        adapters = self._made()
        checks.require_no_global_random(lambda: self._run(adapters))

    def test_saved_and_loaded_it_is_the_same(self, tmp_path: Path) -> None:
        """Hold all it needs in its state."""
        checks.require_round_trip(self._build, self._run, tmp_path)

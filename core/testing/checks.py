"""What the contracts of several kinds ask alike."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from unistd.core.adapter import Site

Made = TypeVar("Made")
GRIDS = ((1, 1), (1, 7), (3, 5), (4, 4))
DTYPES = (torch.float64, torch.bfloat16)
ELSEWHERE = torch.device("meta")
"""A device every machine has that is not the one a module was built on; its tensors have shapes and no numbers."""


def seeded(make: Callable[[], Made], seed: int = 0) -> Made:
    """Return what ``make`` makes with first weights of ``seed``."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make()


def noise(*shape: int, seed: int = 1) -> Tensor:
    """Return normally distributed numbers of ``shape``."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def shaken(module: nn.Module) -> nn.Module:
    """Move every parameter of ``module``, so that what starts at zero takes part."""
    with torch.no_grad():
        for index, parameter in enumerate(module.parameters()):
            parameter.add_(0.1 * noise(*parameter.shape, seed=index).to(parameter))
    return module


def require_same(left: Tensor, right: Tensor, what: str) -> None:
    """Require equal bits."""
    assert torch.equal(left, right), f"{what}, but they differ by up to {(left - right).abs().max()}"


def require_repeats(call: Callable[[], Tensor]) -> None:
    """Require that ``call`` gives the same bits twice."""
    require_same(call(), call(), "the same input must give the same bits")


def require_no_global_random(call: Callable[[], object]) -> None:
    """Require that ``call`` leaves the random states of torch, numpy and Python as they were."""
    before = _random_states()
    call()
    moved = [name for name, state in _random_states().items() if state != before[name]]
    assert not moved, f"the global random state of {', '.join(moved)} was used; take a generator of your own"


def _random_states() -> dict[str, bytes]:
    return {
        "torch": torch.get_rng_state().numpy().tobytes(),
        "numpy": repr(np.random.get_state()).encode() + np.random.get_state()[1].tobytes(),  # type: ignore[index]
        "Python": repr(random.getstate()).encode(),
    }


def require_gradients(modules: Iterable[nn.Module], output: Tensor) -> None:
    """Require that ``output`` depends on every parameter that learns."""
    assert output.requires_grad, "no gradient leaves the output: is it detached?"
    output.square().sum().backward()  # type: ignore[no-untyped-call]
    for module in modules:
        silent = [n for n, p in module.named_parameters() if p.requires_grad and p.grad is None]
        assert not silent, f"no gradient reaches '{silent[0]}', which learns: is it detached, or not used?"


def require_round_trip(make: Callable[[], nn.Module], run: Callable[[nn.Module], Tensor], folder: Path) -> None:
    """Require that a changed module, saved and loaded into one of other first weights, gives the same bits."""
    own = shaken(seeded(make)).eval()
    save_file({name: tensor.clone() for name, tensor in own.state_dict().items()}, folder / "own.safetensors")
    other = seeded(make, seed=2).eval()
    other.load_state_dict(load_file(folder / "own.safetensors"))
    with torch.no_grad():
        require_same(run(other), run(own), "saved and loaded, a module must give the same bits")


def require_sites(module: nn.Module, sites: Iterable[Site]) -> None:
    """Require that each of ``sites`` is an ``nn.Linear`` of its shape inside ``module``."""
    for site in sites:
        linear = module.get_submodule(site.name)
        assert isinstance(linear, nn.Linear), f"site '{site.name}' is a {type(linear).__name__}, not an nn.Linear"
        own, said = (linear.in_features, linear.out_features), (site.width, sum(site.parts.values()))
        assert own == said, f"site '{site.name}' says it maps {said[0]} to {said[1]}, but it maps {own[0]} to {own[1]}"


def require_dtypes(make: Callable[[], nn.Module], run: Callable[[nn.Module, torch.dtype], Tensor]) -> None:
    """Require that ``run``, given a module of each of ``DTYPES``, returns that type."""
    for dtype in DTYPES:
        output = run(make().to(dtype), dtype)
        assert output.dtype == dtype, f"weights and input are {dtype}, the output is {output.dtype}"


def require_moves(module: nn.Module, run: Callable[[], Tensor]) -> None:
    """Require that all tensors of ``module`` move with it to ``ELSEWHERE``, and that ``run`` there uses no other.

    What cannot be told without numbers, such as a branch on a value, is not asked.
    """
    module.to(ELSEWHERE)
    left = [path for path, tensor in _tensors(module) if tensor.device != ELSEWHERE]
    assert not left, f"'{left[0]}' stays behind when the module moves to another device: register it"
    try:
        output = run()
    except (RuntimeError, NotImplementedError) as error:
        if "expected device" in str(error):
            raise AssertionError(f"a tensor made on the way is not on the input's device: {error}") from error
        return
    assert output.device == ELSEWHERE, f"the input is on '{ELSEWHERE}', the output on '{output.device}'"


def _tensors(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Give every tensor that ``module`` and its submodules hold, registered or not, with the attribute it is in."""
    for path, own in module.named_modules():
        for name, value in vars(own).items():
            held = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else [value]
            for each in held:
                found = each.parameters() if isinstance(each, nn.Module) and name != "_modules" else [each]
                yield from ((f"{path}.{name}".lstrip("."), own) for own in found if isinstance(own, Tensor))

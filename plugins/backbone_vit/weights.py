"""From what a spec calls ``pretrained`` to the trunk's weights, all of them or an error."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from unistd.core.errors import ModelError
from unistd.plugins.backbone_vit.trunk import Trunk

SUFFIXES = (".safetensors", ".pt", ".pth", ".bin")
BODY = frozenset({"blocks", "layers", "norm", "norm_pre", "transformer", "ln_pre", "ln_post"})
"""First words of the names of a vision transformer's body, in either library or in a trunk."""

log = logging.getLogger(__name__)


def resolve(variant: str, pretrained: bool | str | Path, tags: Sequence[str], default: str) -> str | Path | None:
    """Return the weight tag, the file, or ``None`` for random weights; needs no network.

    Args:
        variant: The library's name of the architecture.
        pretrained: What the user asked for.
        tags: The weight tags the library knows for ``variant``.
        default: The tag that ``True`` stands for.

    Raises:
        ModelError: The tag is unknown, or there is no weight to be had.
    """
    if pretrained is False:
        return None
    if isinstance(pretrained, Path) or (isinstance(pretrained, str) and _names_file(pretrained)):
        return Path(pretrained)
    tag = default if pretrained is True else pretrained
    if tag in tags:
        return tag
    what = (
        f"there are no default weights of '{variant}'"
        if pretrained is True
        else f"'{tag}' is no weight tag of '{variant}'"
    )
    raise ModelError(
        what,
        help=f"known tags: {', '.join(tags) or 'none'}; for a file say 'pretrained: path/to/file.safetensors'",
    )


def _names_file(pretrained: str) -> bool:
    return "/" in pretrained or pretrained.endswith(SUFFIXES)


def not_fetched(variant: str, tag: str, source: str, error: Exception) -> ModelError:
    """Return the error for weights that cannot be downloaded from ``source``."""
    return ModelError(
        f"cannot fetch the weights '{tag}' of '{variant}': {_reason(error)}",
        help=f"without network, download the weight file of {source} elsewhere, put it in any folder here "
        "and say 'pretrained: path/to/file.safetensors'",
    )


def _reason(error: Exception) -> str:
    return ": ".join([type(error).__name__, *str(error).splitlines()[:1]])


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read the named tensors of a weight file without running any code from it.

    Raises:
        ModelError: The file is missing, damaged, or holds something else.
    """
    if path.suffix not in SUFFIXES:
        raise ModelError(f"'{path}' is no weight file", help=f"it must end in {', '.join(SUFFIXES)}")
    if not path.is_file():
        raise ModelError(f"there is no weight file '{path}'", help=f"relative paths start at '{Path.cwd()}'")
    try:
        if path.suffix == ".safetensors":
            found: Any = load_file(path)
        else:
            found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged files raise anything from EOFError to UnpicklingError
        raise ModelError(
            f"'{path.name}' cannot be read as weights: {_reason(error)}",
            where=str(path),
            help="get the file again; if it holds more than tensors, save its state dict as .safetensors",
        ) from error
    for wrapper in ("model", "state_dict"):
        if isinstance(found, Mapping) and isinstance(found.get(wrapper), Mapping):
            found = found[wrapper]
    if not isinstance(found, Mapping) or not any(isinstance(value, Tensor) for value in found.values()):
        raise ModelError(f"'{path.name}' holds no named weights", where=str(path), help="save a state dict")
    return {str(name).removeprefix("module."): value for name, value in found.items() if isinstance(value, Tensor)}


def load_weights(
    trunk: Trunk, library: nn.Module, state: Mapping[str, Tensor], source: str | Path, depth: int | None
) -> Trunk:
    """Copy ``state`` into the first ``depth`` blocks and the norms of ``trunk`` and return these; or change nothing.

    Names may be the library's, in which case what lies outside the trunk is ignored, or the trunk's own.

    Args:
        trunk: The whole trunk; it shares its parameters with ``library``, and so are names translated.
        library: The library's model that ``trunk`` was made of.
        state: Weights by name.
        source: The tag or file they come from.
        depth: How many blocks are wanted; ``None`` for all.

    Raises:
        ModelError: A parameter is missing or has another shape, or the trunk has no place for one.
    """
    ours = {id(parameter): name for name, parameter in trunk.named_parameters()}
    theirs = {name: ours.get(id(parameter), name) for name, parameter in library.named_parameters()}
    found = {theirs.get(name, name): value for name, value in state.items()}
    trunk = trunk.first(depth)
    wanted = dict(trunk.named_parameters())
    wrong = [_misfit(name, parameter, found.get(name)) for name, parameter in wanted.items()]
    known = theirs.keys() | ours.values()
    wrong += [f"'{name}' has no place" for name in state if name.split(".")[0] in BODY and name not in known]
    if wrong := list(filter(None, wrong)):
        more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        raise ModelError(
            f"the weights do not fit the trunk: {', '.join(wrong[:5])}{more}",
            where=str(source),
            help="'variant' must be the architecture that the weights were saved from",
        )
    with torch.no_grad():
        for name, parameter in wanted.items():
            parameter.copy_(found[name])
    log.info("all %d parameters of the trunk loaded from %s", len(wanted), source)
    return trunk


def _misfit(name: str, parameter: Tensor, value: Tensor | None) -> str:
    if value is None:
        return f"'{name}' is missing"
    if value.shape != parameter.shape:
        return f"'{name}' is {tuple(value.shape)} instead of {tuple(parameter.shape)}"
    return ""

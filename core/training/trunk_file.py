"""A frozen trunk's weights, kept once per run rather than in every checkpoint."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from safetensors import SafetensorError
from safetensors.torch import load as from_bytes, save as to_bytes
from torch import Tensor, nn

from unistd.core.errors import CheckpointError, ModelError
from unistd.core.training.durable import replace_file


def trunk_digest(parameters: Mapping[str, Tensor]) -> str:
    """Return a hash of the trunk's weights, or of other tensors by name; equal hashes mean equal bits."""
    digest = hashlib.sha256()
    for name, parameter in sorted(parameters.items()):
        digest.update(name.encode())
        digest.update(parameter.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def save_trunk(
    path: Path, parameters: Mapping[str, nn.Parameter], metadata: Mapping[str, str] = MappingProxyType({})
) -> None:
    """Write the trunk's weights in one step, with what is to be known of them.

    Raises:
        CheckpointError: They cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        tensors = {name: p.detach().cpu().contiguous() for name, p in parameters.items()}
        replace_file(path, to_bytes(tensors, dict(metadata) or None))  # an empty one beside no tensors is unreadable
    except OSError as error:
        raise CheckpointError(f"the trunk could not be written: {error.strerror or error}", where=str(path)) from error


def load_trunk(path: Path, parameters: Mapping[str, nn.Parameter], digest: str) -> None:
    """Put the weights in ``path`` into ``parameters`` and check them against ``digest``.

    Raises:
        CheckpointError: The file is missing, damaged, or of another trunk.
    """
    try:
        stored = from_bytes(path.read_bytes())
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"the trunk's weights cannot be read: {error}", where=str(path)) from error
    _copy(stored, parameters, path)
    if trunk_digest(parameters) != digest:
        raise CheckpointError("the trunk's weights are not the ones this run was made with", where=str(path))


def check_unchanged(parameters: Mapping[str, nn.Parameter], digest: str) -> None:
    """Prove that a frozen trunk is what it was.

    Raises:
        ModelError: A bit of it changed.
    """
    if trunk_digest(parameters) != digest:
        raise ModelError(
            "the frozen trunk changed while training", help="a plug-in writes to it; look at 'unistd plugins list'"
        )


def _copy(stored: Mapping[str, Tensor], parameters: Mapping[str, nn.Parameter], path: Path) -> None:
    odd = sorted(set(stored) ^ set(parameters))
    odd += [name for name in set(stored) & set(parameters) if stored[name].shape != parameters[name].shape]
    if odd:
        raise CheckpointError(f"the trunk's weights do not fit: '{odd[0]}' and {len(odd) - 1} more", where=str(path))
    for name, parameter in parameters.items():
        parameter.data.copy_(stored[name])

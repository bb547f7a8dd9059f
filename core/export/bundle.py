"""All that one task needs of a trained model but a frozen trunk, in two files that say what they belong to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter, ValidationError
from safetensors.torch import load as from_bytes, save as to_bytes
from torch import Tensor

from unistd import __version__
from unistd.core.data.card_json import MAX_FRAMES
from unistd.core.errors import CheckpointError, UsageError
from unistd.core.forecaster import Forecaster
from unistd.core.task import Channel, Window
from unistd.core.training.durable import write_durably
from unistd.core.training.rank_phase import adopt_ranks
from unistd.core.training.state import trunk_is_frozen
from unistd.core.training.trunk_file import trunk_digest
from unistd.core.untrusted import json_object

FORMAT = 1
TENSORS, FACTS = "bundle.safetensors", "bundle.json"
_AGAIN = "copy the whole folder again, or write it anew with unistd export"


@dataclass(frozen=True, kw_only=True)
class BundleFacts:
    """What ``bundle.json`` says.

    Attributes:
        task: The one task it is for.
        window: Frames T and T'.
        channels: In the order of the channel axis.
        ranks_fixed: Whether the experts are cut to their ranks.
        trunk: ``trunk_digest`` of the trunk the tensors were learned beside.
        brings_trunk: The trunk learned too, so its tensors are in the bundle.
        spec: The resolved spec the model is built from.
        unistd: Version that wrote it.
        sha256: Of ``bundle.safetensors``.
    """

    task: str
    window: Window
    channels: tuple[Channel, ...]
    ranks_fixed: bool
    trunk: str
    brings_trunk: bool
    spec: dict[str, Any]
    unistd: str
    sha256: str


_FACTS = TypeAdapter(BundleFacts)


def save_bundle(
    folder: Path,
    forecaster: Forecaster,
    task: str,
    *,
    window: Window,
    channels: Sequence[Channel],
    spec: Mapping[str, Any],
    ranks_fixed: bool,
) -> BundleFacts:
    """Write what ``forecaster`` learned for ``task`` into ``folder``: adapters with their ranks, routers, temporal
    modules, the task's head and its normalisation.
    """
    brings_trunk = not trunk_is_frozen(forecaster)
    own = task_tensors(forecaster, task, trunk=brings_trunk)
    data = to_bytes({name: tensor.detach().cpu().contiguous() for name, tensor in own.items()})
    facts = BundleFacts(
        task=task,
        window=window,
        channels=tuple(channels),
        ranks_fixed=ranks_fixed,
        trunk=trunk_digest(forecaster.model.trunk_parameters()),
        brings_trunk=brings_trunk,
        spec=dict(spec),
        unistd=__version__,
        sha256=hashlib.sha256(data).hexdigest(),
    )
    folder.mkdir(parents=True, exist_ok=True)
    write_durably(folder / TENSORS, data)
    write_durably(folder / FACTS, (json.dumps({"format": FORMAT, **asdict(facts)}, indent=2) + "\n").encode())
    return facts


def read_facts(folder: Path) -> BundleFacts:
    """Read what the bundle in ``folder`` says of itself.

    Raises:
        CheckpointError: It is no bundle, or one of another format.
    """
    try:
        said = json_object((folder / FACTS).read_bytes())
        form = said.pop("format")
        if form == FORMAT:
            return _checked(said)
    except (OSError, ValueError, KeyError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise CheckpointError(
            f"'{folder}' is no bundle, its {FACTS} cannot be read: {reason}", where=str(folder / FACTS), help=_AGAIN
        ) from error
    raise CheckpointError(
        f"the bundle has format '{form}', this unistd reads '{FORMAT}'",
        where=str(folder / FACTS),
        help="use the unistd that wrote it",
    )


def _checked(said: dict[str, Any]) -> BundleFacts:
    """Return ``said`` as facts.

    Raises:
        ValueError: A field is missing, unknown, of another type or beyond all reason.
    """
    if unknown := said.keys() - BundleFacts.__dataclass_fields__.keys():
        raise ValueError(f"nothing is called '{min(unknown)}'")
    try:
        facts = _FACTS.validate_json(json.dumps(said), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    if not all(0 < count <= MAX_FRAMES for count in (facts.window.past, facts.window.future)):
        raise ValueError(f"a window of '{facts.window.past}' and '{facts.window.future}' frames")
    return facts


def load_bundle(folder: Path, forecaster: Forecaster) -> BundleFacts:
    """Put the tensors of the bundle in ``folder`` into ``forecaster``, strictly, in experts of the bundle's ranks.

    All is checked before anything is changed but the tensors' shapes: after that error the forecaster is of no use.

    Raises:
        CheckpointError: A file is damaged; the forecaster has another trunk; a tensor is missing, superfluous or of
            another shape.
        UsageError: The forecaster does not have the bundle's task.
    """
    facts = read_facts(folder)
    stored = _tensors(folder, facts)
    if facts.task not in forecaster.model.heads:
        raise UsageError(
            f"the bundle is for task '{facts.task}', which the model does not have",
            where=str(folder),
            help=f"it has {', '.join(forecaster.model.heads)}",
        )
    if not facts.brings_trunk:
        _same_trunk(folder, facts, forecaster)
    own = task_tensors(forecaster, facts.task, trunk=facts.brings_trunk)
    _refuse(folder, "the bundle lacks", own.keys() - stored.keys())
    _refuse(folder, "the model has no place for", stored.keys() - own.keys())
    adopt_ranks(forecaster, stored, fixed=facts.ranks_fixed)
    own = task_tensors(forecaster, facts.task, trunk=facts.brings_trunk)
    _refuse(folder, "the bundle has another shape of", {n for n, t in own.items() if t.shape != stored[n].shape})
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(stored[name])
    return facts


def task_tensors(forecaster: Forecaster, task: str, *, trunk: bool) -> dict[str, Tensor]:
    """Return parameters and buffers by name, those of other tasks left out, and the trunk's unless asked for."""
    apart = set() if trunk else {id(parameter) for parameter in forecaster.model.trunk_parameters().values()}
    others = [name for name in forecaster.model.heads if name != task]
    prefixes = tuple(f"{group}.{name}." for name in others for group in ("model.heads", "normalizations"))
    return {
        name: tensor
        for name, tensor in forecaster.state_dict(keep_vars=True).items()
        if id(tensor) not in apart and not name.startswith(prefixes)
    }


def _tensors(folder: Path, facts: BundleFacts) -> dict[str, Tensor]:
    try:
        data = (folder / TENSORS).read_bytes()
    except OSError as error:
        raise CheckpointError(
            f"the bundle's '{TENSORS}' cannot be read: {error.strerror}", where=str(folder), help=_AGAIN
        ) from error
    if hashlib.sha256(data).hexdigest() != facts.sha256:
        raise CheckpointError(f"'{TENSORS}' is truncated or was changed", where=str(folder), help=_AGAIN)
    return from_bytes(data)


def _same_trunk(folder: Path, facts: BundleFacts, forecaster: Forecaster) -> None:
    digest = trunk_digest(forecaster.model.trunk_parameters())
    if digest != facts.trunk:
        raise CheckpointError(
            f"the bundle was learned beside trunk '{facts.trunk}', this model has trunk '{digest}'",
            where=str(folder),
            help="build the model with the trunk of the run: its checkpoints/trunk.safetensors holds the weights",
        )


def _refuse(folder: Path, problem: str, names: set[str]) -> None:
    if names:
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        raise CheckpointError(
            f"{problem} '{min(names)}'{more}",
            where=str(folder),
            help=f"build the model from the spec and with the unistd that {FACTS} names",
        )

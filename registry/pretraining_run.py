"""One pre-training run: its spec, frames, objective and folder."""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass
from typing import Any

import torch

from unistd import __version__
from unistd.core.data.schedule import JointSchedule
from unistd.core.errors import CheckpointError, ModelError, UsageError
from unistd.core.machine import device_name
from unistd.core.pretraining.images import image_source
from unistd.core.pretraining.labels import LabelClassifier
from unistd.core.pretraining.loop import restore
from unistd.core.pretraining.masked import MaskedAutoencoder
from unistd.core.pretraining.objective import Objective
from unistd.core.pretraining.settings import Labels
from unistd.core.pretraining.stills import FrameSource, store_source
from unistd.core.training.account import check_own
from unistd.core.training.checkpoint import Checkpoint
from unistd.core.training.run_folder import RunFolder
from unistd.core.training.trunk_file import save_trunk
from unistd.registry.compose import compose_task, open_stores
from unistd.registry.joint_run import Report
from unistd.registry.packages import package_versions
from unistd.registry.pretrain_spec import PretrainSpec
from unistd.registry.registry import Registry
from unistd.registry.same_spec import same_spec


@dataclass(frozen=True)
class PretrainingRun:
    """Everything a pre-training run is made of; ``record`` is what its ``spec.json`` says."""

    spec: PretrainSpec
    sources: dict[str, FrameSource]
    objective: Objective
    folder: RunFolder
    record: dict[str, Any]
    registry: Registry

    @classmethod
    def compose(cls, spec: PretrainSpec, registry: Registry, report: Report | None = None) -> PretrainingRun:
        """Build the run of ``spec``: convert raw files where needed, build the trunk; writes nothing to its folder.

        Raises:
            DataError: Frames are missing, damaged, or have no labels where these are to be learnt.
            ModelError: The trunk cannot be pre-trained this way.
            UsageError: An option has no effect.
        """
        sources = _sources(spec, registry, report)
        record = {
            "id": secrets.token_hex(8),
            "spec": spec.dump(),
            "unistd": __version__,
            "plugins": registry.versions(spec),
            "frames": {name: source.digest for name, source in sources.items()},
        }
        return cls(spec, sources, _objective(spec, registry, sources), RunFolder(spec.output), record, registry)

    @property
    def versions(self) -> dict[str, dict[str, str]]:
        """Return what this run would be trained with now."""
        machine = {"device": device_name()}
        return {"plugins": self.registry.versions(self.spec), "packages": package_versions(), "machine": machine}

    @property
    def schedule(self) -> JointSchedule:
        """Return which source and which frames every step draws."""
        frames, training = self.spec.frames, self.spec.training
        return JointSchedule(
            {name: len(source.train) for name, source in self.sources.items()},
            weights={name: own.weight for name, own in frames.items()},
            sampling=training.sampling,
            steps=training.steps,
            seed=self.spec.seed,
            batches={name: own.batch or training.batch for name, own in frames.items()},
        )

    def resume(self) -> Checkpoint | None:
        """Check that the folder is of this very run, and return its last checkpoint, ``None`` before the first.

        Raises:
            UsageError: The folder's spec is another one.
            CheckpointError: The frames are others, or the checkpoint is damaged.
        """
        record = same_spec(self.folder, self.record["spec"], self.registry)
        for name, digest in self.record["frames"].items():
            if record["frames"][name] != digest:
                raise CheckpointError(
                    f"the frames of '{name}' are not the ones this run was started with",
                    where=str(self.folder.path),
                    help="put the old ones back, or start a new run",
                )
        self.record["id"] = record.get("id", "")
        last = self.folder.checkpoints.last()
        checkpoint = self.folder.checkpoints.load(last) if last else None
        if checkpoint:
            check_own(checkpoint, self.record["id"], str(self.folder.checkpoints.path))
        return checkpoint

    def load_best(self) -> Checkpoint:
        """Put the best weights on validation frames into the objective.

        Raises:
            UsageError: There is no scored checkpoint.
        """
        best = self.folder.checkpoints.best()
        if best is None:
            raise UsageError(
                f"no checkpoint in '{self.folder.path}' was scored yet", help="unistd pretrain SPEC --resume"
            )
        checkpoint = self.folder.checkpoints.load(best)
        restore(checkpoint, self.objective)
        return checkpoint

    def save_trunk(self) -> None:
        """Write the trunk as it is now to the run's weight file, with what it was made of."""
        spec = json.dumps(self.record["spec"], sort_keys=True)
        options = {**_options(self.spec), "unistd": __version__, "spec": hashlib.sha256(spec.encode()).hexdigest()}
        metadata = {name: str(value) for name, value in options.items() if value is not None}
        save_trunk(self.spec.weights, dict(self.objective.backbone.named_parameters()), metadata)

    def for_spec(self) -> str:
        """Return the line that makes the trunk the backbone of another spec."""
        options = {key: value for key, value in _options(self.spec).items() if value is not None}
        options["pretrained"] = str(self.spec.weights)
        return f"backbone: {{{', '.join(f'{key}: {value}' for key, value in options.items())}}}"


def _options(spec: PretrainSpec) -> dict[str, Any]:
    """Return what the architecture of the trunk is, without where its first weights came from."""
    config = spec.backbone.config
    options = config.model_dump(mode="json") if config else {}
    return {
        "kind": spec.backbone.kind,
        **{k: v for k, v in options.items() if k not in ("freeze", "pretrained", "seed")},
    }


def _sources(spec: PretrainSpec, registry: Registry, report: Report | None) -> dict[str, FrameSource]:
    tasks = {name: compose_task(name, own.task, registry) for name, own in spec.frames.items() if own.task}
    stores = open_stores(tasks, report)
    return {
        name: image_source(name, own.images, own.patch, own.side)
        if own.images
        else store_source(name, stores[name], own.patch, own.crop)
        for name, own in spec.frames.items()
    }


def _objective(spec: PretrainSpec, registry: Registry, sources: dict[str, FrameSource]) -> Objective:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(spec.seed)
        backbone = registry.factory("backbone", spec.backbone)()
        if not any(parameter.requires_grad for parameter in backbone.parameters()):
            raise ModelError(f"no parameter of backbone '{spec.backbone.kind}' learns", help="freeze: false")
        if isinstance(spec.objective, Labels):
            return LabelClassifier(backbone, sources)
        return MaskedAutoencoder(backbone, sources, spec.objective)

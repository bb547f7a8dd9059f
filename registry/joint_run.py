"""One run: its spec, tasks, stores, model and folder, composed from a spec or opened from what a run left."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unistd import __version__
from unistd.core.data.normalization import Normalization
from unistd.core.data.progress import Progress
from unistd.core.data.store import Store
from unistd.core.errors import CheckpointError, UsageError
from unistd.core.forecaster import Forecaster
from unistd.core.machine import device_name
from unistd.core.processes import this_process
from unistd.core.training.account import check_own
from unistd.core.training.checkpoint import Checkpoint
from unistd.core.training.run_folder import RunFolder
from unistd.core.training.state import restore_model, trunk_is_frozen, use_average
from unistd.core.training.trunk_file import load_trunk, save_trunk, trunk_digest
from unistd.registry.compose import (
    ComposedTask,
    compose_forecaster,
    compose_model,
    compose_tasks,
    open_stores,
    without_download,
)
from unistd.registry.extension import take_over
from unistd.registry.packages import package_versions
from unistd.registry.registry import Registry
from unistd.registry.same_spec import same_spec
from unistd.registry.spec import RunSpec, load_resolved

Report = Callable[[str, Progress], None]


@dataclass(frozen=True)
class JointRun:
    """Everything a run is made of; ``record`` is what its ``spec.json`` says."""

    spec: RunSpec
    registry: Registry
    tasks: dict[str, ComposedTask]
    stores: dict[str, Store]
    forecaster: Forecaster
    folder: RunFolder
    record: dict[str, Any]

    @classmethod
    def compose(cls, spec: RunSpec, registry: Registry, report: Report | None = None) -> JointRun:
        """Build the run of ``spec``: convert raw files where needed, build the model; writes nothing to the run's
        folder.
        """
        tasks = compose_tasks(spec, registry)
        stores = open_stores(tasks, report)
        forecaster = compose_forecaster(without_download(spec) if spec.extends else spec, registry, stores)
        origin = cls._take_over(spec, registry, stores, forecaster) if spec.extends else {}
        record = {
            "id": secrets.token_hex(8),
            "spec": spec.dump(),
            "unistd": __version__,
            "plugins": registry.versions(spec),
            "packages": package_versions(),
            "stores": {name: {"path": str(own.path.absolute()), "digest": own.digest} for name, own in stores.items()},
            "trunk": trunk_digest(forecaster.model.trunk_parameters()),
            **origin,
        }
        return cls(spec, registry, tasks, stores, forecaster, RunFolder(spec.output), record)

    @classmethod
    def _take_over(
        cls, spec: RunSpec, registry: Registry, stores: Mapping[str, Store], forecaster: Forecaster
    ) -> dict[str, Any]:
        """Give ``forecaster`` what the run that ``spec`` extends has learned; return what the record says of it."""
        extension = spec.extends[-1]
        base, checkpoint = cls.open(extension.run, registry, extension.checkpoint, ())
        check_same_stores(base.record, {name: own for name, own in stores.items() if name in extension.tasks})
        take_over(spec, forecaster, base.forecaster)
        known = {"run": str(extension.run.absolute()), "id": base.record.get("id", ""), "step": checkpoint.step}
        return {"extends": known | {"weights": extension.weights}}

    @classmethod
    def open(
        cls, path: Path, registry: Registry, which: str = "best", names: Collection[str] | None = None
    ) -> tuple[JointRun, Checkpoint]:
        """Rebuild the run in ``path`` with the weights of its ``best`` or ``last`` checkpoint.

        Only the stores of the tasks ``names`` are opened, all of them by default; no raw file is touched.

        Raises:
            UsageError: ``path`` is no run folder, has no such task, or has no such checkpoint yet.
            DataError: A store is gone or damaged.
            CheckpointError: A file is damaged, or a store is not the one the run was trained on.
        """
        folder = RunFolder(path)
        record = folder.read_record()
        spec = load_resolved(record["spec"], registry, folder.path / "spec.json")
        tasks = compose_tasks(spec, registry)
        for name in names or ():
            if name not in tasks:
                raise UsageError(f"the run has no task '{name}'", where=str(path), help=f"it has {', '.join(tasks)}")
        places = {name: Path(record["stores"][name]["path"]) for name in (tasks if names is None else names)}
        stores = {name: Store.open(place, tasks[name].task.card) for name, place in places.items()}
        check_same_stores(record, stores)
        forecaster = Forecaster(
            compose_model(without_download(spec), registry),
            {name: Normalization.identity(len(own.task.card.channels)) for name, own in tasks.items()},
        )
        run = cls(spec, registry, tasks, stores, forecaster, folder, record)
        return run, run.load(which)

    def start(self, command: str, hooks: Sequence[Mapping[str, Any]] = ()) -> None:
        """Make the run's folder, with the record, ``command`` and who implements ``hooks`` in it, and a frozen trunk's
        weights.

        Raises:
            UsageError: The folder holds something already.
        """
        self.folder.create(self.record | {"command": command, "hooks": list(hooks)})
        if trunk_is_frozen(self.forecaster):
            save_trunk(self._trunk_file, self.forecaster.model.trunk_parameters())

    def resume(self) -> Checkpoint | None:
        """Check that the folder is of this very run, and return its last checkpoint, ``None`` before the first.

        Raises:
            UsageError: The folder's spec is another one.
            CheckpointError: The stores or the trunk are others, or the checkpoint is damaged.
        """
        record = same_spec(self.folder, self.record["spec"], self.registry)
        check_same_stores(record, self.stores)
        if trunk_is_frozen(self.forecaster):
            if not self._trunk_file.exists():  # killed between the record and the trunk
                save_trunk(self._trunk_file, self.forecaster.model.trunk_parameters())
            load_trunk(self._trunk_file, self.forecaster.model.trunk_parameters(), record["trunk"])
        last = self.folder.checkpoints.last()
        checkpoint = self.folder.checkpoints.load(last) if last else None
        self.record["id"] = record.get("id", "")
        if checkpoint:
            check_own(checkpoint, self.record["id"], str(self.folder.checkpoints.path))
        return checkpoint

    def load(self, which: str) -> Checkpoint:
        """Put the weights of the ``best`` or ``last`` checkpoint into the model."""
        checkpoints = self.folder.checkpoints
        found = checkpoints.best() if which == "best" else checkpoints.last()
        if found is None and checkpoints.last() is not None:
            raise UsageError(
                f"no checkpoint of the run in '{self.folder.path}' was scored on validation windows yet",
                help="unistd train SPEC --resume, or take the weights of --checkpoint last",
            )
        if found is None:
            raise UsageError(
                f"the run in '{self.folder.path}' has no checkpoint yet", help="unistd train SPEC --resume"
            )
        checkpoint = self.folder.checkpoints.load(found)
        if trunk_is_frozen(self.forecaster):
            load_trunk(self._trunk_file, self.forecaster.model.trunk_parameters(), self.record["trunk"])
        restore_model(checkpoint, self.forecaster)
        use_average(checkpoint, self.forecaster)
        return checkpoint

    @property
    def versions(self) -> dict[str, dict[str, str]]:
        """Return what this run would be trained with now."""
        machine = {"device": device_name(), "processes": str(this_process()[1])}
        return {"plugins": self.registry.versions(self.spec), "packages": package_versions(), "machine": machine}

    @property
    def _trunk_file(self) -> Path:
        return self.folder.path / "checkpoints" / "trunk.safetensors"


def check_same_stores(record: Mapping[str, Any], stores: Mapping[str, Store]) -> None:
    """Make sure that a run with ``record`` was trained on ``stores``.

    Raises:
        CheckpointError: It was trained on others.
    """
    for name, store in stores.items():
        known = record["stores"].get(name, {}).get("digest")
        if known != store.digest:
            raise CheckpointError(
                f"the store of task '{name}' is not the one this run was trained on",
                where=str(store.path),
                help="put the old store back, or start a new run",
            )

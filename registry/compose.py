"""From a spec to the parts of a run: tasks, stores, the model, its metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from unistd.core.data.prepare import prepare
from unistd.core.data.progress import Progress
from unistd.core.data.schedule import JointSchedule, divided
from unistd.core.data.store import Store
from unistd.core.data.store_place import default_store
from unistd.core.errors import UsageError
from unistd.core.task import Split, Task, Window
from unistd.registry.component import Config, TaskConfig
from unistd.registry.registry import Registry
from unistd.registry.slot import Choice
from unistd.registry.spec import RunSpec

if TYPE_CHECKING:  # tasks and stores, which need no torch, are composed in a third of the memory without it
    from unistd.core.data.windows import Windows
    from unistd.core.forecaster import Forecaster
    from unistd.core.model import UnifiedModel


@dataclass(frozen=True)
class ComposedTask:
    """One task of a spec: its options, the task itself and the window in force."""

    name: str
    choice: Choice
    config: TaskConfig
    task: Task
    window: Window

    @property
    def unit(self) -> str:
        """Return the unit of the channels, or all of them where they differ."""
        return ", ".join(dict.fromkeys(channel.unit for channel in self.task.card.channels))


def compose_tasks(spec: RunSpec, registry: Registry) -> dict[str, ComposedTask]:
    """Build every task of ``spec``; no file is read."""
    return {name: compose_task(name, choice, registry) for name, choice in spec.tasks.items()}


def compose_task(name: str, choice: Choice, registry: Registry) -> ComposedTask:
    """Build the task that a spec calls ``name``; no file is read."""
    config = cast(TaskConfig, choice.config)
    task: Task = registry.factory("task", choice)()
    asked = config.window
    window = Window(past=asked.past, future=asked.future) if asked else task.card.window
    return ComposedTask(name, choice, config, task, window)


def compose_model(
    spec: RunSpec, registry: Registry, frames: Mapping[str, tuple[Window, int]] | None = None
) -> UnifiedModel:
    """Build the model of ``spec`` with first weights that depend on ``spec.seed`` alone; no raw file is read.

    Window and number of channels of every task are its own; with ``frames``, those, and no task is built.
    """
    import torch

    from unistd.core.model import UnifiedModel
    from unistd.registry.extension import extend_model

    if frames is None:
        tasks = compose_tasks(spec, registry)
        frames = {name: (own.window, len(own.task.card.channels)) for name, own in tasks.items()}
    parts = spec.model
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(spec.seed)
        backbone = registry.factory("backbone", parts.backbone)()
        heads = {}
        for name, (window, channels) in frames.items():
            heads[name] = registry.factory("head", cast(TaskConfig, spec.tasks[name].config).head)(
                past=window.past,
                future=window.future,
                channels_in=channels,
                channels_out=channels,
                trunk_width=backbone.width,
            )
        router = registry.factory("router", parts.router)
        adapter = partial(registry.factory("adapter", parts.adapter), router=router)
        model = UnifiedModel(backbone, heads, adapter=adapter, temporal=registry.factory("temporal", parts.temporal))
        extend_model(spec, registry, model, router)
    _check_router(spec, registry, model)
    return model


def _check_router(spec: RunSpec, registry: Registry, model: UnifiedModel) -> None:
    from unistd.core.router import Router

    chosen = spec.model.router
    asked = chosen.config != registry.choose("router", chosen.kind).config
    if asked and not any(isinstance(module, Router) for module in model.modules()):
        raise UsageError(
            f"the options of router '{chosen.kind}' have no effect: adapter '{spec.model.adapter.kind}' uses no router",
            help="take them out, or choose adapter 'ra-moe'",
        )


def compose_forecaster(spec: RunSpec, registry: Registry, stores: Mapping[str, Store]) -> Forecaster:
    """Build the model of ``spec`` with the normalisation of every task's store."""
    import torch

    from unistd.core.data.normalization import Normalization
    from unistd.core.forecaster import Forecaster

    normalizations = {
        name: Normalization(torch.as_tensor(store.offset), torch.as_tensor(store.scale))
        for name, store in stores.items()
    }
    return Forecaster(compose_model(spec, registry), normalizations)


def open_stores(
    tasks: Mapping[str, ComposedTask], report: Callable[[str, Progress], None] | None = None
) -> dict[str, Store]:
    """Open every task's store, converting the raw files first where there is none yet.

    Args:
        tasks: The tasks of a spec.
        report: Called with a task and how far it is while one is converted.

    Raises:
        DataError: Raw files or a store are missing, damaged or not the task's.
    """
    stores = {}
    for name, own in tasks.items():
        options, path = own_options(own), store_place(own)
        if path.exists():  # perhaps where nothing can be written, not even a lock
            stores[name] = Store.open(path, own.task.card, options)
        else:
            stores[name] = prepare(own.task, path, options=options, report=partial(report, name) if report else None)
    return stores


def store_place(own: ComposedTask) -> Path:
    """Return where a task's frames are kept: its ``store``, or a folder named by the task and its options.

    Raises:
        DataError: The folder of its raw files is not there.
    """
    return own.config.store or default_store(own.choice.kind.replace("/", "-"), _fingerprint(own, own_options(own)))


def own_options(own: ComposedTask) -> dict[str, Any]:
    """Return the task's own options, which decide on its frames; where its files lie does not."""
    return own.config.model_dump(mode="json", exclude={*TaskConfig.model_fields, "root"})


def _fingerprint(own: ComposedTask, options: dict[str, Any]) -> dict[str, Any]:
    folder = own.task.folder()
    return {**options, "version": own.task.card.version, "folder": str(folder.resolve()) if folder else ""}


def open_windows(tasks: Mapping[str, ComposedTask], stores: Mapping[str, Store], split: Split) -> dict[str, Windows]:
    """List the windows of ``split`` of every task that has a store.

    Raises:
        DataError: A task has none.
    """
    from unistd.core.data.windows import Windows

    windows = {name: tasks[name].window for name in stores}
    return {name: Windows(stores[name], split, own.past, own.future) for name, own in windows.items()}


def compose_schedule(spec: RunSpec, tasks: Mapping[str, ComposedTask], windows: Mapping[str, Windows]) -> JointSchedule:
    """Decide which task and which windows every step of the run draws."""
    return JointSchedule(
        {name: len(own) for name, own in windows.items()},
        weights=_weights(spec, tasks, windows),
        sampling=spec.training.sampling,
        steps=spec.training.steps,
        seed=spec.seed,
        batches={name: batch for name, batch in batches(spec, tasks).items() if name in windows},
    )


def _weights(spec: RunSpec, tasks: Mapping[str, ComposedTask], windows: Mapping[str, Windows]) -> Mapping[str, float]:
    weights = {name: tasks[name].config.weight for name in windows}
    replay = spec.extends[-1].replay if spec.extends else None
    if replay is None:
        return weights
    sizes = {name: len(own) for name, own in windows.items()}
    return divided(sizes, weights, spec.training.sampling, spec.extends[-1].tasks, replay)


def batches(spec: RunSpec, tasks: Mapping[str, ComposedTask]) -> dict[str, int]:
    """Return how many windows a batch of each task has."""
    return {name: own.config.batch or spec.training.batch for name, own in tasks.items()}


def without_download(spec: RunSpec) -> RunSpec:
    """Return ``spec`` with no pre-trained weights asked for, where only the shape of the model matters or a run
    has its own.
    """
    chosen = spec.model.backbone
    backbone = Choice(chosen.kind, cast(Config, chosen.config).without_download())
    return spec.model_copy(update={"model": spec.model.model_copy(update={"backbone": backbone})})

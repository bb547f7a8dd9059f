"""From the folder of a bundle alone to a model that forecasts."""

from __future__ import annotations

from pathlib import Path

from unistd.core.data.normalization import Normalization
from unistd.core.errors import UsageError
from unistd.core.export.bundle import FACTS, BundleFacts, load_bundle, read_facts, save_bundle
from unistd.core.forecaster import Forecaster
from unistd.core.training.checkpoint import Checkpoint
from unistd.core.training.trunk_file import load_trunk
from unistd.registry.compose import compose_model, without_download
from unistd.registry.joint_run import JointRun
from unistd.registry.registry import Registry
from unistd.registry.spec import load_resolved


def bundle_of(run: JointRun, checkpoint: Checkpoint, task: str, folder: Path) -> BundleFacts:
    """Write the bundle of one task of ``run``, which has the weights of ``checkpoint``, into ``folder``."""
    own, spec = run.tasks[task], run.spec.dump()
    return save_bundle(
        folder,
        run.forecaster,
        task,
        window=own.window,
        channels=own.task.card.channels,
        spec={**spec, "tasks": {task: spec["tasks"][task]}},  # who gets it need not have the other tasks' plug-ins
        ranks_fixed=checkpoint.state["ranks_fixed"],
    )


def open_bundle(folder: Path, registry: Registry, trunk: Path | None = None) -> Forecaster:
    """Build the model of the bundle in ``folder`` for its one task, in inference mode.

    Args:
        folder: What ``unistd export`` wrote.
        registry: Offers the parts that the bundle's spec names.
        trunk: A file of the frozen trunk's weights, such as a run's ``checkpoints/trunk.safetensors``; by default
            they come from where the spec has them from: pre-trained weights, or a seed.

    Raises:
        CheckpointError: The bundle is damaged, or the trunk is another one.
        SpecError, MissingPlugin: The installed plug-ins are not those of the bundle.
        UsageError: ``trunk`` is given for a bundle that brings its own.
    """
    facts = read_facts(folder)
    spec = load_resolved(facts.spec, registry, folder / FACTS)
    if trunk is not None and facts.brings_trunk:
        raise UsageError(
            f"the bundle brings its own trunk, so '{trunk}' has no use", where=str(folder), help="leave 'trunk' out"
        )
    from_file = facts.brings_trunk or trunk is not None
    frames = {facts.task: (facts.window, len(facts.channels))}  # an imported task would need its store to know them
    model = compose_model(without_download(spec) if from_file else spec, registry, frames)
    if trunk is not None:
        load_trunk(trunk, model.trunk_parameters(), facts.trunk)
    forecaster = Forecaster(model, {facts.task: Normalization.identity(len(facts.channels))})
    load_bundle(folder, forecaster)
    return forecaster.eval()

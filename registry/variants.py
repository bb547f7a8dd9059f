"""The variants of a comparison, and the runs that compare them on equal budgets."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from unistd.core.data.schedule import JointSchedule
from unistd.core.errors import UsageError
from unistd.registry.document import Document
from unistd.registry.implementer import Implementer
from unistd.registry.registry import Registry
from unistd.registry.run_spec import RunSpec
from unistd.registry.spec import load_spec

ScheduleOf = Callable[[str, RunSpec], JointSchedule]


@dataclass(frozen=True)
class Trial:
    """One run of a comparison: a variant with a seed, on all tasks jointly or on one of them ``alone``."""

    variant: str
    seed: int
    alone: str
    spec: RunSpec

    @property
    def name(self) -> str:
        """Return how the trial is called in messages."""
        return f"{self.variant}, seed {self.seed}" + (f", {self.alone} alone" if self.alone else "")


def load_variants(
    paths: Sequence[Path], registry: Registry, variants: Path | None = None, overrides: Iterable[str] = ()
) -> dict[str, RunSpec]:
    """Read the specs to compare, by name.

    Args:
        paths: One spec a variant, or, with ``variants``, the one that all of them share.
        registry: What is installed.
        variants: A file with the changes of each variant: ``name: {model.adapter: {kind: lora}}``.
        overrides: Put on top of every spec.

    Raises:
        SpecError: A spec or variant has a mistake.
        UsageError: The file of variants has another form, or two specs have one name.
    """
    shared = list(overrides)
    if variants is None:
        specs = [load_spec(path, registry, shared) for path in paths]
        names = [spec.name for spec in specs]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise UsageError(f"two specs are named '{twice}'", help="give every spec a 'name' of its own")
        return dict(zip(names, specs, strict=True))
    if len(paths) != 1:
        raise UsageError(f"variants are changes of one spec, got {len(paths)}", where=str(variants))
    changes = _changes(Document.open(variants), variants)
    return {name: load_spec(paths[0], registry, [*shared, *own]) for name, own in changes.items()}


def _changes(document: Document, path: Path) -> dict[str, list[str]]:
    data = document.data
    if not isinstance(data, dict) or not data:
        raise UsageError("holds no variants", where=str(path), help="name: {model.adapter: {kind: lora}}")
    for name, changes in data.items():
        if not isinstance(changes, dict) or "/" in name:
            raise UsageError(
                f"variant '{name}' must be a name without '/' and a mapping of changes",
                where=document.where((name,)),
                help=f"{name.replace('/', '-')}: {{model.adapter: {{kind: lora}}}}, or {{}} for the spec as it is",
            )
    return {name: [f"{key}={json.dumps(value)}" for key, value in changes.items()] for name, changes in data.items()}


def check_budgets(samples: Mapping[str, Mapping[str, int]]) -> None:
    """Make sure that all variants train on as many samples of each task.

    Args:
        samples: By variant and task.

    Raises:
        UsageError: Two differ.
    """
    first, *others = samples
    for name in others:
        for task in dict.fromkeys([*samples[first], *samples[name]]):
            ours, theirs = samples[first].get(task, 0), samples[name].get(task, 0)
            if ours != theirs:
                raise UsageError(
                    f"the budgets differ: '{first}' trains on {ours} samples of task '{task}', '{name}' on {theirs}",
                    help="give all variants the same tasks, training.steps, batch and sampling",
                )


def trials(
    specs: Mapping[str, RunSpec], schedule_of: ScheduleOf, seeds: int, single: Iterable[str], out: Path
) -> list[Trial]:
    """List every run, seed by seed, so that a comparison cut short has whole seeds.

    Args:
        specs: The variants.
        schedule_of: Gives the schedule of a variant's joint run by its spec; seeds may differ by a batch.
        seeds: How many; the first is the spec's own.
        single: Variants to train each task alone as well, on the samples it has in the joint run.
        out: Folder of all runs.

    Raises:
        UsageError: ``single`` names no variant.
    """
    apart = set(single)
    if unknown := sorted(apart - specs.keys()):
        raise UsageError(f"there is no variant '{unknown[0]}' to train alone", help=f"variants: {', '.join(specs)}")
    found = []
    for turn in range(seeds):
        for name, spec in specs.items():
            seed = spec.seed + turn
            own = spec.model_copy(update={"seed": seed, "output": out / name / f"seed-{seed}"})
            found.append(Trial(name, seed, "", own))
            if name in apart:
                schedule = schedule_of(name, own)
                found += [Trial(name, seed, task, _alone(own, task, schedule)) for task in spec.tasks]
    return found


def check_alone(planned: Iterable[Trial], registry: Registry) -> None:
    """Ask the plug-ins about the runs of one task alone before the first run begins: they have fewer steps.

    Raises:
        UsageError: One has an objection, such as a rank phase that is longer than the training.
    """
    implementers = [own for info in registry.plugins if (own := Implementer.of_plugin(info))]
    for trial in planned:
        for issue in (issue for own in implementers if trial.alone for issue in own.check(trial.spec)):
            message = f"'{trial.variant}' cannot train task '{trial.alone}' alone: {issue.message}"
            raise UsageError(message, help=issue.help)


def _alone(spec: RunSpec, task: str, schedule: JointSchedule) -> RunSpec:
    """Return the spec of ``task`` alone: its share of the steps, of the warm-up and between checkpoints."""
    training = spec.training
    steps = schedule.progress(training.steps)[task]["samples"] // schedule.batches[task]
    share = steps / training.steps
    every = max(1, round(training.checkpoint.every * share))
    warmup = round(training.schedule.warmup * share)
    changed = {
        "steps": steps,
        "schedule": training.schedule.model_copy(update={"warmup": warmup}),
        "checkpoint": training.checkpoint.model_copy(update={"every": every}),
    }
    return spec.model_copy(
        update={
            "tasks": {task: spec.tasks[task]},
            "training": training.model_copy(update=changed),
            "output": spec.output.with_name(f"{spec.output.name}-{task}"),
        }
    )

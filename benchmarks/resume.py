"""Kill a joint run anywhere, go on with it, and compare weights, metrics and log with the run that nothing disturbed.

A moment is the n-th Python call of the training thread, or a place inside a write of a checkpoint; both are drawn from
a seed. Every process is a fork of this one, so that imports are paid for once; pictures, which no bit depends on, are
left out. A power cut also loses what was never flushed: every file is cut to its length at its last ``fsync``.

Run:  OMP_NUM_THREADS=1 python benchmarks/resume.py --json benchmarks/results/resume.json
"""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import signal
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import torch
from record import record
from safetensors.torch import load_file

import unistd.registry.fitting as fitting
from unistd.cli.main import main as unistd
from unistd.core.training import checkpoint, durable
from unistd.core.training.checkpoint import CheckpointFolder
from unistd.registry.joint_run import JointRun

SPEC = """\
version: 1
name: tiny
seed: 1
model:
  backbone: {{kind: timm-vit, variant: vit_tiny_patch16_224, depth: 1, width: 24, heads: 2, pretrained: false}}
  adapter: {{kind: ra-moe, experts: {{q: 2, k: 2, v: 2, proj: 2}}, rank: {{first: 1.5, max: 3, phase: 0.5}}}}
tasks:
  city: {{kind: synthetic-traffic, days: 14, height: 8, width: 9, head: {{kind: conv, width: 8}}}}
  shapes:
    {{kind: synthetic-motion, height: 12, width: 12, train: 10, val: 2, test: 2, metrics: [psnr],
      head: {{kind: conv, width: 8}}}}
training: {{steps: 12, batch: 4, sampling: {{kind: uniform}}, checkpoint: {{every: 4, keep: 2}}, log_every: 2}}
output: {output}
"""
VARIANTS = {  # options of the run, and those added when it goes on
    "fp32": ([], []),
    "bf16": (["training.precision=bf16"], []),
    "accumulate, ema": (["training.accumulate=2", "training.ema=0.9"], []),
    "other workers": (["training.cache=never"], ["training.workers=3"]),
}
KINDS = ("SIGKILL", "SIGTERM", "SIGINT", "power cut", "cut while writing", "disk full", "read-only")
TIMES = {"seconds_per_step", "waited"}


def forked(work: Callable[[], int], said: Path) -> int:
    """Run ``work`` in a fork whose talk goes to ``said``; return how it ended, negative for a signal."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    status = 70
    try:
        handle = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(handle, 1)
        os.dup2(handle, 2)
        status = work()
    finally:
        os._exit(status)


def train(spec: Path, options: list[str], *, resume: bool) -> int:
    """Train as the command line does."""
    overrides = [word for option in options for word in ("-o", option)]
    return unistd(["train", str(spec), *overrides, *(["--resume"] if resume else [])])


class Moments:
    """Counts the calls of the training thread from the run's start on and acts at the ``at``-th, if it comes."""

    def __init__(self, at: int, act: Callable[[], None]) -> None:
        self.at, self.act, self.calls = at, act, 0

    def __enter__(self) -> Moments:
        start = JointRun.start

        def started(run: JointRun, *record: Any) -> None:
            sys.setprofile(self._called)
            start(run, *record)

        JointRun.start = started  # type: ignore[method-assign]
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _called(self, frame: object, event: str, argument: object) -> None:
        del frame, argument
        if event == "call":
            self.calls += 1
            if self.calls == self.at:
                sys.setprofile(None)
                self.act()


def kill() -> None:
    """End this process as the kernel would."""
    os.kill(os.getpid(), signal.SIGKILL)


def power_cut(folder: Path) -> Callable[[], None]:
    """Return a kill that also loses what was not flushed to the files in ``folder``."""
    flushed: dict[int, int] = {}
    fsync = os.fsync

    def noting(handle: int) -> None:
        fsync(handle)
        flushed[os.fstat(handle).st_ino] = os.fstat(handle).st_size

    os.fsync = noting

    def cut() -> None:
        for path in folder.rglob("*"):
            if path.is_file() and (size := flushed.get(path.stat().st_ino, 0)) < path.stat().st_size:
                os.truncate(path, size)
        kill()

    return cut


def breaking_writes(kind: str, at: int) -> None:
    """Let the ``at``-th file of a checkpoint be cut in the middle, or be refused by the disk."""
    write, count = durable.write_durably, [0]

    def broken(path: Path, data: bytes) -> None:
        count[0] += 1
        if count[0] == at and kind == "cut while writing":
            path.write_bytes(data[: len(data) // 2])
            kill()
        if count[0] == at:
            number = errno.ENOSPC if kind == "disk full" else errno.EROFS
            raise OSError(number, os.strerror(number))
        write(path, data)

    checkpoint.write_durably = broken  # type: ignore[attr-defined]


def disturbed(spec: Path, run: Path, options: list[str], kind: str, share: float, calls: int, files: int) -> int:
    """Train until ``kind`` happens at ``share`` of the run."""
    at = 1 + int(share * calls)
    if kind in ("cut while writing", "disk full", "read-only"):
        breaking_writes(kind, 1 + int(share * files))
        return train(spec, options, resume=False)
    acts = {"SIGKILL": kill, "power cut": power_cut(run) if kind == "power cut" else kill}
    act = acts.get(kind, lambda: os.kill(os.getpid(), signal.Signals[kind]))
    with Moments(at, act):
        return train(spec, options, resume=False)


def differences(run: Path, whole: Path) -> list[str]:
    """Name what of ``run`` is not, to the bit, what it is in ``whole``."""
    found = []
    own, wanted = (_tensors(folder) for folder in (run, whole))
    found += sorted(own.keys() ^ wanted.keys())
    found += [name for name in own.keys() & wanted.keys() if not torch.equal(own[name], wanted[name])]
    if (run / "metrics.json").read_text() != (whole / "metrics.json").read_text():
        found.append("metrics.json")
    if _log(run) != _log(whole):
        found.append("log.jsonl")
    return found


def _tensors(run: Path) -> dict[str, torch.Tensor]:
    folder = run / "checkpoints" / (run / "checkpoints" / "last").read_text()
    return {f"{file.stem}/{name}": t for file in folder.glob("*.safetensors") for name, t in load_file(file).items()}


def _log(run: Path) -> list[dict[str, Any]]:
    rows = map(json.loads, (run / "log.jsonl").read_text().splitlines())
    early = "no validation ran"  # said of a run that was stopped, and rightly of no other
    return [
        {key: value for key, value in row.items() if key not in TIMES}
        for row in rows
        if row["event"] != "resume" and not str(row.get("what", "")).startswith(early)
    ]


def without_pictures() -> None:
    """Leave out what takes most of the time of a tiny run and is a function of its weights."""
    for name in ("draw_window", "results_png", "experts_png"):
        setattr(fitting, name, lambda *_: None)


def undisturbed(spec: Path, options: list[str], counted: Path) -> int:
    """Train, and count calls and files on the way."""
    write, files = durable.write_durably, [0]

    def counting(path: Path, data: bytes) -> None:
        files[0] += 1
        write(path, data)

    checkpoint.write_durably = counting  # type: ignore[attr-defined]
    with Moments(0, kill) as moments:
        status = train(spec, options, resume=False)
    counted.write_text(json.dumps([moments.calls, files[0]]))
    return status


def attempt(folder: Path, variant: str, kind: str, share: float, counts: tuple[int, int]) -> dict[str, Any]:
    """Disturb a run of ``variant``, go on with it, and return what came of it."""
    options, added = VARIANTS[variant]
    run, said = folder / "run", folder / "said.txt"
    spec = folder / "tiny.yaml"
    shutil.rmtree(run, ignore_errors=True)
    spec.write_text(SPEC.format(output=run))
    ended = forked(lambda: disturbed(spec, run, options, kind, share, *counts), said)
    told = "--resume" in said.read_text()
    resume = (run / "spec.json").exists()
    status = forked(lambda: train(spec, [*options, *added], resume=resume), said)
    wrong = [f"exit code {status}: {said.read_text()[-300:]}"] if status else differences(run, folder / variant)
    return {"kind": kind, "variant": variant, "share": round(share, 4), "ended": ended, "told": told, "wrong": wrong}


def costs(folder: Path) -> dict[str, Any]:
    """Return the seconds and bytes of a checkpoint, and the first beside those of a step."""
    run = folder / "fp32"
    whole = CheckpointFolder(run / "checkpoints").load(CheckpointFolder(run / "checkpoints").last() or run)
    target, seconds = CheckpointFolder(folder / "again"), []
    for _ in range(10):
        start = time.perf_counter()
        path = target.save(whole, keep=1)
        seconds.append(time.perf_counter() - start)
    steps = [row["seconds_per_step"] for row in map(json.loads, (run / "log.jsonl").open()) if row["event"] == "train"]
    size = sum(file.stat().st_size for file in path.iterdir())
    save, step = statistics.median(seconds), statistics.median(steps)
    return {"checkpoint_seconds": round(save, 4), "checkpoint_bytes": size, "÷ step": round(save / step, 2)}


@click.command()
@click.option("--kills", default=100, show_default=True, help="Moments to kill at.")
@click.option("--seed", default=0, show_default=True, help="Of the moments.")
@click.option("--json", "path", type=click.Path(path_type=Path), help="Where the record goes.")
def main(kills: int, seed: int, path: Path | None) -> None:
    """Kill, go on, compare; fails if a bit differs."""
    torch.set_num_threads(1)  # a fork has no other threads
    without_pictures()
    chosen, names = random.Random(seed), list(VARIANTS)
    with TemporaryDirectory() as place:
        folder = Path(place)
        counts = {}
        for name in names[: max(1, min(kills, len(names)))]:
            spec, counted = folder / "whole.yaml", folder / "counted.json"
            spec.write_text(SPEC.format(output=folder / name))
            options = VARIANTS[name][0]
            if status := forked(lambda: undisturbed(spec, options, counted), folder / "said.txt"):  # noqa: B023
                raise click.ClickException(f"exit code {status}: {(folder / 'said.txt').read_text()}")
            counts[name] = tuple(json.loads(counted.read_text()))
        rows = []
        for number in range(kills):
            kind, variant = KINDS[number % len(KINDS)], names[number % len(counts)]
            rows.append(attempt(folder, variant, kind, chosen.random(), counts[variant]))
            click.echo(f"{number + 1}/{kills} {kind}, {variant}: {'; '.join(rows[-1]['wrong']) or 'same bits'}")
        about = costs(folder)
    wrong = [row for row in rows if row["wrong"]]
    click.echo(f"{kills - len(wrong)} of {kills} the same to the bit; {about}")
    record(rows, path, kills=kills, same=kills - len(wrong), by_kind=Counter(row["kind"] for row in rows), **about)
    if wrong:
        raise SystemExit(1)


if __name__ == "__main__":
    main()

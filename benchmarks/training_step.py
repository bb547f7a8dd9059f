"""One optimisation step as the training loop takes it, on a generated task, and the bytes it needs."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from rich.console import Console
from torch import Tensor, nn

from unistd.core.data.batches import Batch, BatchReader
from unistd.core.data.normalization import Normalization
from unistd.core.data.prepare import prepare
from unistd.core.data.schedule import JointSchedule
from unistd.core.data.store import Store
from unistd.core.data.windows import Windows
from unistd.core.forecaster import Forecaster
from unistd.core.model import UnifiedModel
from unistd.core.task import Channel, FrameSequence, Task, TaskCard, Window
from unistd.core.training.loop import JointTraining
from unistd.core.training.progress import Progress
from unistd.core.training.run_folder import RunFolder
from unistd.core.training.settings import TrainingSettings, Uniform
from unistd.core.training.tally import Tally
from unistd.plugins.adapter_ra_moe.family import PAPER_EXPERTS, ra_moe
from unistd.plugins.backbone_vit.timm_vit import timm_vit
from unistd.plugins.head_conv.conv_head import ConvHead
from unistd.plugins.router_softmax.softmax import SoftmaxRouter
from unistd.plugins.temporal_zero_mlp.zero_mlp import ZeroMlp

STRIDE = 4  # pixels of a token's side
STEPS = 10_000  # of the run that the timed step is taken from; the first ninth learns ranks


@dataclass(frozen=True, kw_only=True)
class Case:
    """What a step is taken of; a table varies one of these.

    Attributes:
        tasks: Tasks of one shape in one model; the step is one of the first.
        experts: Experts by role of the trunk's linear maps.
        side: Tokens along each side, h = w.
        past: Input frames T.
        variant, depth: Of the frozen trunk; ``None`` keeps all its blocks.
        width: Channels c of the heads.
        batch: Windows B.
    """

    tasks: int = 1
    experts: tuple[tuple[str, int], ...] = tuple(PAPER_EXPERTS.items())
    side: int = 8
    past: int = 8
    variant: str = "vit_tiny_patch16_224"
    depth: int | None = 4
    width: int = 16
    batch: int = 4

    @property
    def pixels(self) -> int:
        """Return the pixels along each side of a frame, H = W."""
        return STRIDE * self.side

    @property
    def names(self) -> list[str]:
        """Return the names of the tasks."""
        return [f"task-{number}" for number in range(self.tasks)]

    def forecaster(self) -> Forecaster:
        """Build the model, with one head a task that forecasts four frames of one channel."""
        trunk = timm_vit(variant=self.variant, depth=self.depth, pretrained=False)
        frames = {"past": self.past, "future": 4, "channels_in": 1, "channels_out": 1}
        heads = {
            name: ConvHead(**frames, trunk_width=trunk.width, width=self.width, stride=STRIDE) for name in self.names
        }
        adapter = partial(ra_moe, router=SoftmaxRouter, experts=dict(self.experts))
        model = UnifiedModel(trunk, heads, adapter=adapter, temporal=ZeroMlp)
        return Forecaster(model, {name: Normalization.identity(1) for name in self.names})


class Generated(Task):
    """Frames (t, 1, H, W) handed in: the first half to train on, a quarter each to choose by and to test on."""

    def __init__(self, frames: NDArray[np.generic], past: int) -> None:
        self.frames, self.past = frames, past

    @property
    def card(self) -> TaskCard:
        """Half-hourly numbers."""
        window = Window(past=self.past, future=4)
        channels = (Channel(name="value", unit="1"),)
        return TaskCard(
            name="generated", discipline="none", version="1", channels=channels, step=(30, "m"), window=window
        )

    def sequences(self) -> Iterable[FrameSequence]:
        """Give one sequence for each split."""
        start = np.datetime64("2020-01-01", "m")
        quarters = np.array_split(np.arange(len(self.frames)), 4)
        parts = {"train": np.concatenate(quarters[:2]), "val": quarters[2], "test": quarters[3]}
        for split, own in parts.items():
            yield FrameSequence(name=split, frames=self.frames[own], times=start + 30 * own, split=split)


def store_of(case: Case, folder: Path) -> Store:
    """Convert noise of the size of ``case`` to a store, or open the one that ``folder`` has already."""
    shape = (8 * (case.past + 4), 1, case.pixels, case.pixels)
    noise = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    return prepare(Generated(noise, case.past), folder / f"{case.pixels}-{case.past}.zarr")


class TrainingStep:
    """The step of a joint training of ``case``; ``folder`` keeps its frames and checkpoints.

    Before anything else, every task has had one step, so that the optimiser holds the moments of all of them.
    """

    def __init__(self, case: Case, folder: Path) -> None:
        windows = dict.fromkeys(case.names, Windows(store_of(case, folder), "train", case.past, 4))
        settings = TrainingSettings(steps=STEPS, batch=case.batch, sampling=Uniform())
        schedule = JointSchedule(
            {name: len(own) for name, own in windows.items()},
            weights=dict.fromkeys(windows, 1.0),
            sampling=settings.sampling,
            steps=STEPS,
            seed=0,
            batches=dict.fromkeys(windows, case.batch),
        )
        reader = BatchReader(windows, schedule)
        self.forecaster = case.forecaster()
        fabric = Fabric(accelerator="cpu", devices=1)
        quiet = Progress(Console(file=Path(os.devnull).open("w")), STEPS)  # noqa: SIM115 - open while it is used
        run = RunFolder(folder / f"run-{case.tasks}")
        self.training = JointTraining(self.forecaster, reader, {}, settings, run, fabric, quiet)
        self.batch: Batch = reader.read(0)._replace(task=case.names[0])
        self.wrapped, self.optimizer = self.training._setup()
        self.tally = Tally()
        self.forecaster.train()
        for name in case.names:
            self(name)

    def __call__(self, task: str = "") -> None:
        """Take one step of ``task``, of the first one by default: from forward to the settled ranks."""
        batch = self.batch._replace(task=task or self.batch.task)
        self.training._step(1, batch, self.wrapped, self.optimizer, self.tally)
        self.tally.drain()

    def bytes(self) -> dict[str, int]:
        """Return the bytes of weights that stay and that learn, AdamW's moments, one step's gradients, and what it
        keeps from forward for backward.
        """
        parameters = list(self.forecaster.parameters())
        kept, loss = kept_for_backward(self.forecaster, *self.batch[:3])
        loss.backward()
        gradients = sum(p.grad.nbytes for p in parameters if p.grad is not None)
        self.optimizer.zero_grad(set_to_none=True)
        moments = [t for state in self.optimizer.optimizer.state.values() for t in state.values() if t.ndim]
        return {
            "frozen": sum(p.nbytes for p in parameters if not p.requires_grad),
            "learned": sum(p.nbytes for p in parameters if p.requires_grad),
            "moments": sum(tensor.nbytes for tensor in moments),
            "gradients": gradients,
            "activations": kept,
        }


def kept_for_backward(forecaster: nn.Module, task: str, past: Tensor, future: Tensor) -> tuple[int, Tensor]:
    """Return the bytes that autograd keeps for backward, weights apart and every storage once, and the loss."""
    own = {tensor.untyped_storage().data_ptr() for tensor in _tensors(forecaster)}
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss = forecaster(task, past, future)
    return sum(kept.values()), loss


def _tensors(module: nn.Module) -> Iterator[Tensor]:
    yield from module.parameters()
    yield from module.buffers()

"""A joint training of two tasks of noise on a trunk of one narrow block, all of it in reach of a test."""

from __future__ import annotations

import io
import json
from functools import partial

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from rich.console import Console

from unistd.core.data.batches import BatchReader
from unistd.core.data.normalization import Normalization
from unistd.core.data.prepare import prepare
from unistd.core.data.schedule import JointSchedule
from unistd.core.data.windows import Windows
from unistd.core.forecaster import Forecaster
from unistd.core.model import UnifiedModel
from unistd.core.rank_plan import RankPlan
from unistd.core.task import Channel, FrameSequence, Task, TaskCard, Window
from unistd.core.training.loop import JointTraining
from unistd.core.training.progress import Progress
from unistd.core.training.run_folder import RunFolder
from unistd.core.training.settings import TrainingSettings, Uniform
from unistd.plugins.adapter_ra_moe.family import ra_moe
from unistd.plugins.backbone_vit.timm_vit import timm_vit
from unistd.plugins.head_conv.conv_head import ConvHead
from unistd.plugins.router_softmax.softmax import SoftmaxRouter
from unistd.plugins.temporal_zero_mlp.zero_mlp import ZeroMlp

PLAN = RankPlan(first=1.5, max=2, phase={"steps": 5})


class Noise(Task):
    card = TaskCard(
        name="noise",
        discipline="none",
        version="1",
        channels=(Channel(name="value", unit="1"),),
        step=(1, "h"),
        window=Window(past=2, future=2),
        value_range=(-9.0, 9.0),
    )

    def sequences(self):
        start, random = np.datetime64("2020-01-01", "h"), np.random.default_rng(0)
        for number, (split, frames) in enumerate({"train": 20, "val": 6, "test": 6}.items()):
            own = random.normal(size=(frames, 1, 6, 6)).clip(-9, 9).astype(np.float32)
            times = start + 100 * number + np.arange(frames)
            yield FrameSequence(name=split, frames=own, times=times, split=split)


@pytest.fixture(scope="session")
def noise(tmp_path_factory):
    """The store of the frames both tasks have."""
    return prepare(Noise(), tmp_path_factory.mktemp("noise") / "noise.zarr")


class Made:
    """One process of a run: what it trains, what it said, and its log."""

    def __init__(self, store, folder, options, weights, name="own", versions=None):
        windows = {task: Windows(store, "train", 2, 2) for task in ("a", "b")}
        settings = TrainingSettings(
            **{"steps": 8, "batch": 4, "sampling": Uniform(), "log_every": 2, "checkpoint": {"every": 4}} | options
        )
        schedule = JointSchedule(
            {task: len(own) for task, own in windows.items()},
            weights=weights,
            sampling=settings.sampling,
            steps=settings.steps,
            seed=0,
            batches=dict.fromkeys(windows, settings.batch),
        )
        torch.manual_seed(0)
        trunk = timm_vit(variant="vit_tiny_patch16_224", pretrained=False, depth=1, width=24, heads=2)
        head = partial(ConvHead, past=2, future=2, channels_in=1, channels_out=1, trunk_width=24, width=8)
        adapter = partial(ra_moe, router=SoftmaxRouter, experts={"q": 2}, rank=PLAN)
        model = UnifiedModel(trunk, {task: head() for task in windows}, adapter=adapter, temporal=ZeroMlp)
        fitted = {task: Normalization(store.offset, store.scale) for task in windows}
        self.forecaster = Forecaster(model, fitted)
        self.windows = windows
        self.folder = RunFolder(folder)
        folder.mkdir(exist_ok=True)
        self.console = io.StringIO()
        progress = Progress(Console(file=self.console, width=300), settings.steps)
        self.reader = BatchReader(windows, schedule)
        validation = {task: Windows(store, "val", 2, 2) for task in windows}
        fabric = Fabric(accelerator="cpu", devices=1)
        self.training = JointTraining(
            self.forecaster, self.reader, validation, settings, self.folder, fabric, progress, versions or {}, name
        )

    def fit(self):
        """Train from the last checkpoint, or from the start."""
        last = self.folder.checkpoints.last()
        return self.training.fit(self.folder.checkpoints.load(last) if last else None)

    @property
    def said(self):
        return self.console.getvalue()

    def rows(self, event):
        lines = map(json.loads, self.folder.log.read_text().splitlines())
        return [row for row in lines if row["event"] == event]

    def alarms(self):
        return [row["what"] for row in self.rows("alarm")]

    def stored(self):
        """The tensors of the last checkpoint by group and name."""
        whole = self.folder.checkpoints.load(self.folder.checkpoints.last())
        return {f"{group}/{name}": tensor for group, own in whole.tensors.items() for name, tensor in own.items()}


@pytest.fixture
def training(noise, tmp_path):
    """Make a process of the run in the folder ``name`` with settings of its own."""

    def make(name="run", weights=None, versions=None, **options):
        weights = weights or {"a": 1.0, "b": 1.0}
        return Made(noise, tmp_path / name, options, weights, versions=versions)

    return make

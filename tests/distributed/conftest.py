"""Processes of one run, forked from the test so that none imports torch anew, and a tiny training for them."""

from __future__ import annotations

import io
import json
import multiprocessing
import os
import socket
import traceback
from functools import partial

import numpy as np
import pytest
import torch
from rich.console import Console

from unistd.core.data.batches import BatchReader
from unistd.core.data.normalization import Normalization
from unistd.core.data.prepare import prepare
from unistd.core.data.schedule import JointSchedule
from unistd.core.data.windows import Windows
from unistd.core.forecaster import Forecaster
from unistd.core.model import UnifiedModel
from unistd.core.processes import this_process
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
from unistd.registry.devices import open_fabric

PLAN = RankPlan(first=1.5, max=2, phase={"steps": 5})
FORK = multiprocessing.get_context("fork")


class Noise(Task):
    """Smooth noise; ``holes`` are pixels that are missing, most of them in the frames of every other window."""

    def __init__(self, holes):
        self.holes = holes

    @property
    def card(self):
        return TaskCard(
            name="holes" if self.holes else "whole",
            discipline="none",
            version="1",
            channels=(Channel(name="value", unit="1"),),
            step=(1, "h"),
            window=Window(past=2, future=2),
            missing="mask" if self.holes else "error",
            fill_value=-99.0 if self.holes else None,
        )

    def sequences(self):
        start, random = np.datetime64("2020-01-01", "h"), np.random.default_rng(int(self.holes))
        for number, (split, frames) in enumerate({"train": 40, "val": 12, "test": 12}.items()):
            own = random.normal(size=(frames, 1, 6, 6)).cumsum(axis=0).astype(np.float32)
            if self.holes:
                share = np.where(np.arange(frames) // 4 % 2, 0.9, 0.1)[:, None, None, None]
                own[random.random(own.shape) < share] = -99.0
            times = start + 100 * number + np.arange(frames)
            yield FrameSequence(name=split, frames=own, times=times, split=split)


@pytest.fixture(scope="session")
def stores(tmp_path_factory):
    folder = tmp_path_factory.mktemp("noise")
    return {task.card.name: prepare(task, folder / task.card.name) for task in (Noise(holes=False), Noise(holes=True))}


class Made:
    """One process of a training: what it trains, and what it said."""

    def __init__(self, stores, folder, strategy=None, **options):
        settings = TrainingSettings(
            **{"steps": 8, "batch": 4, "sampling": Uniform(), "log_every": 2, "checkpoint": {"every": 4}} | options
        )
        windows, validation = ({t: Windows(s, split, 2, 2) for t, s in stores.items()} for split in ("train", "val"))
        schedule = JointSchedule(
            {task: len(own) for task, own in windows.items()},
            weights=dict.fromkeys(windows, 1.0),
            sampling=settings.sampling,
            steps=settings.steps,
            seed=0,
            batches=dict.fromkeys(windows, settings.batch),
        )
        fabric = open_fabric(strategy=strategy)
        torch.manual_seed(0)
        trunk = timm_vit(variant="vit_tiny_patch16_224", pretrained=False, depth=1, width=24, heads=2)
        head = partial(ConvHead, past=2, future=2, channels_in=1, channels_out=1, trunk_width=24, width=8)
        adapter = partial(ra_moe, router=SoftmaxRouter, experts={"q": 2}, rank=PLAN)
        model = UnifiedModel(trunk, {task: head() for task in windows}, adapter=adapter, temporal=ZeroMlp)
        fitted = {task: Normalization(store.offset, store.scale) for task, store in stores.items()}
        self.forecaster = Forecaster(model, fitted)
        self.folder = RunFolder(folder)
        folder.mkdir(exist_ok=True)
        self.console = io.StringIO()
        versions = {"machine": {"processes": str(this_process()[1])}}
        self.training = JointTraining(
            self.forecaster,
            BatchReader(windows, schedule, *this_process()),
            validation,
            settings,
            self.folder,
            fabric,
            Progress(Console(file=self.console, width=300), settings.steps),
            versions,
        )

    def fit(self):
        """Train from the last checkpoint, or from the start."""
        last = self.folder.checkpoints.last()
        return self.training.fit(self.folder.checkpoints.load(last) if last else None)


@pytest.fixture(scope="session")
def make(stores):
    """Make a process's part of the training in a folder, with settings of its own."""
    return partial(Made, stores)


@pytest.fixture(scope="session")
def tensors_of():
    """Give the tensors of a checkpoint, the last one by default, by group and name."""

    def read(folder, step=None):
        checkpoints = RunFolder(folder).checkpoints
        whole = checkpoints.load(checkpoints.path / f"step-{step:08d}" if step else checkpoints.last())
        return {f"{group}/{name}": own for group, tensors in whole.tensors.items() for name, own in tensors.items()}

    return read


@pytest.fixture(scope="session")
def rows_of():
    """Give the rows of a log, without what a clock says."""

    def read(folder):
        rows = map(json.loads, (folder / "log.jsonl").read_text().splitlines())
        return [{key: value for key, value in row.items() if key not in ("seconds_per_step", "waited")} for row in rows]

    return read


@pytest.fixture(scope="session")
def in_processes():
    """Call a function in ``count`` processes of one run; give what each returned, or the exception it ended with."""
    return _in_processes


def _in_processes(count, function):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    pipes = [FORK.Pipe(duplex=False) for _ in range(count)]
    children = [
        FORK.Process(target=_child, args=(function, rank, count, port, pipes[rank][1])) for rank in range(count)
    ]
    for child in children:
        child.start()
    for _, sender in pipes:
        sender.close()
    answers = [_received(receiver) for receiver, _ in pipes]
    for child in children:
        child.join()
    return answers


def _received(receiver):
    try:
        return receiver.recv()
    except EOFError:
        return None


def _child(function, rank, count, port, pipe):
    torch.set_num_threads(1)  # threads do not survive a fork
    if count > 1:
        os.environ |= {
            "RANK": str(rank),
            "LOCAL_RANK": str(rank),
            "WORLD_SIZE": str(count),
            "LOCAL_WORLD_SIZE": str(count),
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port),
            "TORCHELASTIC_RUN_ID": "test",
        }
    try:
        pipe.send(function())
    except BaseException as error:
        traceback.print_exc()
        pipe.send(error)

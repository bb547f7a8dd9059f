"""Scores do not depend on the number of processes, not in their last bit."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from unistd.core.data.windows import Windows
from unistd.core.errors import DataError
from unistd.core.evaluation import evaluate as evaluation
from unistd.core.evaluation.evaluate import evaluate
from unistd.core.metric import Metric, MetricIdentity, Score
from unistd.core.processes import this_process
from unistd.plugins.metrics.categorical import CriticalSuccessIndex
from unistd.plugins.metrics.percentage import WeightedMeanAbsolutePercentageError
from unistd.plugins.metrics.pixelwise import MeanSquaredError, RootMeanSquaredError
from unistd.registry.devices import open_fabric

COUNTS = (1, 2, 3)


class Batches(Metric):
    """The mean of each batch's first target in order, the largest, and the mean of all: every way to reduce."""

    identity = MetricIdentity(name="batches", unit="1", better="one", reduction="none")
    each: list[Tensor]
    largest: Tensor
    mean: Tensor

    def __init__(self):
        super().__init__()
        self.add_state("each", [], dist_reduce_fx="cat")
        self.add_state("largest", torch.tensor(-math.inf), dist_reduce_fx="max")
        self.add_state("mean", torch.tensor(0.0), dist_reduce_fx="mean")

    def update(self, prediction, target):
        value = target[0].nan_to_num(0).mean()
        self.each.append(value.reshape(1))
        self.largest = torch.maximum(self.largest, value)
        self.mean = self.mean + (value - self.mean) / self.update_count

    def compute(self):
        return Score(self.mean, torch.cat(list(self.each)), {"largest": self.largest})


def metrics():
    about = {"leads": 2, "unit": "1"}
    return {
        "mse": MeanSquaredError(**about),
        "rmse": RootMeanSquaredError(root="per-frame", **about),
        "wmape": WeightedMeanAbsolutePercentageError(**about),
        "csi": CriticalSuccessIndex(thresholds=(0.0, 1.0), **about),
        "batches": Batches(),
    }


def plain(score):
    parts = {name: part.item() for name, part in score.parts.items()}
    return {"per_lead": score.per_lead.tolist(), "parts": parts, "value": score.value.item()}


@pytest.fixture(scope="module")
def scores(stores, tmp_path_factory, make, in_processes):
    """Scores and seen windows of each process, by the number of processes."""
    folder = tmp_path_factory.mktemp("scores")

    def score():
        made = make(folder / "run", batch=6)
        evaluation.AT_ONCE = 2  # so that there are several turns
        found = {}
        for task, store in stores.items():
            seen = []

            def forecast(past, starts, task=task, seen=seen):
                seen.extend(starts.tolist())
                return made.forecaster.forecast(task, past)

            windows = Windows(store, "test", 2, 2)
            given = evaluate(windows, forecast, metrics(), batch=1)
            found[task] = {name: plain(score) for name, score in given.items()}, seen, windows.starts.tolist()
        return found

    return {count: in_processes(count, score) for count in COUNTS}


def test_every_process_returns_the_bits_of_one(scores):
    (one,) = scores[1]
    for found in [*scores[2], *scores[3]]:
        for task, (own, *_) in found.items():
            mean, wanted = own["batches"].pop("value"), one[task][0]["batches"]["value"]
            assert mean == pytest.approx(wanted)  # a running mean rounds otherwise
            assert str(own | {"batches": own["batches"] | {"value": wanted}}) == str(one[task][0])  # NaN is NaN


@pytest.mark.parametrize("count", COUNTS)
def test_no_window_is_left_out_or_scored_twice_to_fill_up(scores, count):
    for task in ("whole", "holes"):
        seen = [own[task][1] for own in scores[count]]
        assert sorted(start for own in seen for start in own) == scores[count][0][task][2]
        assert max(map(len, seen)) - min(map(len, seen)) <= 1


def test_a_process_that_skips_a_window_is_noticed_by_all(stores, in_processes):
    def score():
        open_fabric()
        read = evaluation._batch
        if this_process()[0] == 1:
            evaluation._batch = lambda *about: tuple(part[1:] for part in read(*about))
        windows = Windows(stores["whole"], "test", 2, 2)
        evaluate(windows, lambda past, starts: past, {"mse": MeanSquaredError(leads=2, unit="1")}, batch=4)

    answers = in_processes(3, score)
    assert [type(answer) for answer in answers] == [DataError] * 3
    assert "'8' of 9 windows of task 'whole' were scored" in str(answers[0])

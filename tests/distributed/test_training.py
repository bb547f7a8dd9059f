"""Two processes reproduce one with the same global batch."""

from __future__ import annotations

import shutil

import pytest
import torch

from unistd.core.training.run_folder import RunFolder

RANDOM = {"random/cpu", "random/cpu.1"}


@pytest.fixture(scope="module")
def runs(tmp_path_factory, make, in_processes):
    """Folders of the same training in one process and in two, and what each process came to."""
    folder = tmp_path_factory.mktemp("runs")

    def train(name):
        made = make(folder / name, ema=0.9)
        return made.fit()

    told = [in_processes(count, lambda name=str(count): train(name)) for count in (1, 2)]
    return folder / "1", folder / "2", told


def assert_close(one, two):
    assert one.keys() - RANDOM == two.keys() - RANDOM
    for name in one.keys() - RANDOM:
        torch.testing.assert_close(
            two[name], one[name], atol=2e-5, rtol=1e-4, msg=lambda text, name=name: f"{name} {text}"
        )


def test_weights_optimiser_and_average_are_those_of_one_process(runs, tensors_of):
    """Tasks with and without missing pixels, before and after the ranks are fixed."""
    for step in (4, 8):
        assert_close(*(tensors_of(folder, step) for folder in runs[:2]))


def test_all_processes_come_to_the_same(runs):
    (one,), (first, second) = runs[2]
    assert first == second
    assert (first.step, first.best["step"]) == (one.step, one.best["step"])
    assert first.best["score"] == pytest.approx(one.best["score"], rel=1e-5)


def test_the_log_is_that_of_one_process(runs, rows_of):
    """Steps, samples and passes exactly, so that no window is read twice or left out; numbers within rounding."""
    one, two = map(rows_of, runs[:2])
    assert len(one) == len(two)
    for own, wanted in zip(two, one, strict=True):
        for row in (own, wanted):
            row["floats"] = [row.pop("score", 0.0), *row.pop("errors", {}).values()]
            for task in row.get("tasks", {}).values() if row["event"] == "train" else ():
                row["floats"] += [task.pop("loss"), task.pop("gradient")]
        assert own.pop("floats") == pytest.approx(wanted.pop("floats"), rel=1e-4)
        assert own == wanted


@pytest.mark.parametrize(("before", "after"), [(1, 2), (2, 1)])
def test_another_number_of_processes_goes_on_with_the_same_samples(
    before, after, runs, tmp_path, make, in_processes, tensors_of, rows_of
):
    shutil.copytree(runs[before - 1], tmp_path / "run")
    checkpoints = RunFolder(tmp_path / "run").checkpoints
    shutil.rmtree(checkpoints.path / "step-00000008")
    in_processes(after, lambda: make(tmp_path / "run", ema=0.9).fit())
    assert_close(tensors_of(runs[0]), tensors_of(tmp_path / "run"))
    (resumed,) = (row for row in rows_of(tmp_path / "run") if row["event"] == "resume")
    said = f"processes was {before}, is {after}: numbers may differ in their last bits from here on"
    assert [change["said"] for change in resumed["versions"]] == [said]


def test_two_processes_resume_to_the_same_bits(runs, tmp_path, make, in_processes, tensors_of):
    shutil.copytree(runs[1], tmp_path / "run")
    shutil.rmtree(RunFolder(tmp_path / "run").checkpoints.path / "step-00000008")
    in_processes(2, lambda: make(tmp_path / "run", ema=0.9).fit())
    own, wanted = tensors_of(tmp_path / "run"), tensors_of(runs[1])
    assert own.keys() == wanted.keys()
    assert [name for name in own if not torch.equal(own[name], wanted[name])] == []


def test_accumulation_inside_each_process_is_the_same_step(runs, tmp_path, make, in_processes, tensors_of):
    in_processes(2, lambda: make(tmp_path / "run", ema=0.9, accumulate=2).fit())
    assert_close(tensors_of(runs[0]), tensors_of(tmp_path / "run"))

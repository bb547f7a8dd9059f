from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from unistd.core.data.schedule import JointSchedule, divided
from unistd.core.errors import UsageError
from unistd.core.training.settings import Proportional, Temperature, Uniform

SIZES = {"taxi": 70, "digits": 20, "sst": 10}


def schedule(sizes=SIZES, *, sampling=None, steps=300, seed=0, weights=None, batches=None):
    return JointSchedule(
        sizes,
        weights=weights or dict.fromkeys(sizes, 1.0),
        sampling=sampling or Proportional(),
        steps=steps,
        seed=seed,
        batches=batches or dict.fromkeys(sizes, 4),
    )


def counts(made):
    return Counter(made.task(step) for step in range(made.steps))


@pytest.mark.parametrize(
    ("sampling", "weights", "expected"),
    [
        (Proportional(), None, [210, 60, 30]),
        (Uniform(), None, [100, 100, 100]),
        (Temperature(tau=1), None, [210, 60, 30]),
        (Temperature(tau=2), None, [300 * s / (70**0.5 + 20**0.5 + 10**0.5) for s in (70**0.5, 20**0.5, 10**0.5)]),
        (Uniform(), {"taxi": 1.0, "digits": 1.0, "sst": 4.0}, [50, 50, 200]),
    ],
)
def test_tasks_get_their_share_of_the_steps(sampling, weights, expected):
    made = counts(schedule(sampling=sampling, weights=weights))
    np.testing.assert_allclose([made[task] for task in SIZES], expected, atol=1)


@settings(max_examples=60, deadline=None)
@given(sizes=st.lists(st.integers(1, 1000), min_size=1, max_size=8), seed=st.integers(0, 2**40))
def test_counts_stay_near_the_shares_at_every_step(sizes, seed):
    names = {f"task{i}": size for i, size in enumerate(sizes)}
    made, seen = schedule(names, steps=400, seed=seed), np.zeros(len(sizes))
    for step in range(400):
        seen[int(made.task(step)[4:])] += 1
        assert abs(seen - np.array(sizes) / sum(sizes) * (step + 1)).max() < 4


def test_another_seed_starts_the_mix_elsewhere():
    orders = {tuple(schedule(seed=seed).task(step) for step in range(20)) for seed in range(8)}
    assert len(orders) > 4


def test_the_order_is_the_same_on_every_machine_and_version():
    made = schedule(seed=7)
    assert [made.task(step) for step in range(8)] == ["taxi", "taxi", "taxi", "digits", "taxi", "taxi", "sst", "taxi"]
    assert [made.indices(step).tolist() for step in range(2)] == [[35, 15, 41, 64], [44, 17, 6, 49]]


@settings(max_examples=40, deadline=None)
@given(steps=st.integers(1, 80), more=st.integers(1, 200), seed=st.integers(0, 9))
def test_a_longer_run_begins_as_the_shorter_one(steps, more, seed):
    short, long = schedule(steps=steps, seed=seed), schedule(steps=steps + more, seed=seed)
    for step in range(steps):
        assert short.task(step) == long.task(step)
        assert short.draw(step) == long.draw(step)
        np.testing.assert_array_equal(short.indices(step), long.indices(step))


def test_a_step_depends_on_no_other_having_been_asked_for():
    used = schedule()
    in_order = [used.indices(step).tolist() for step in range(300)]
    for step in (299, 0, 150, 151):
        assert schedule().indices(step).tolist() == in_order[step]


@settings(max_examples=60, deadline=None)
@given(size=st.integers(1, 40), batch=st.integers(1, 50), seed=st.integers(0, 2**33))
def test_each_own_epoch_holds_each_sample_once(size, batch, seed):
    made = schedule({"one": size, "two": 7}, sampling=Uniform(), steps=60, seed=seed, batches={"one": batch, "two": 3})
    drawn = np.concatenate([made.indices(step) for step in range(60) if made.task(step) == "one"])
    whole = len(drawn) // size * size
    epochs = drawn[:whole].reshape(-1, size)
    np.testing.assert_array_equal(np.sort(epochs, axis=1), np.broadcast_to(np.arange(size), epochs.shape))
    assert len(np.unique(drawn[whole:])) == len(drawn) - whole


def test_epochs_and_tasks_are_shuffled_differently():
    made = schedule({"a": 50, "b": 50}, sampling=Uniform(), steps=40, batches={"a": 50, "b": 50})
    orders = [tuple(made.indices(step)) for step in range(40)]
    assert len(set(orders)) == 40


@settings(max_examples=40, deadline=None)
@given(share=st.integers(1, 6), processes=st.integers(1, 5), step=st.integers(0, 99))
def test_all_processes_together_read_the_batch_of_one(share, processes, step):
    made = schedule(batches=dict.fromkeys(SIZES, share * processes))
    parts = [made.indices(step, process, processes) for process in range(processes)]
    np.testing.assert_array_equal(np.concatenate(parts), made.indices(step))


def test_another_task_s_data_does_not_change_the_order_of_a_task_s_samples():
    alone, joint = schedule({"taxi": 70}), schedule()
    first = next(step for step in range(300) if joint.task(step) == "taxi")
    np.testing.assert_array_equal(joint.indices(first), alone.indices(0))


def test_progress_counts_windows_and_own_epochs():
    made = schedule()
    assert made.progress(0) == {task: {"samples": 0, "epoch": 0.0} for task in SIZES}
    done = made.progress(300)
    assert done["taxi"]["samples"] == 4 * counts(made)["taxi"]
    assert done["taxi"]["epoch"] == done["taxi"]["samples"] / 70
    assert made.progress(1)[made.task(0)]["samples"] == 4


def test_a_step_outside_the_run_is_no_step():
    for step in (-1, 300):
        with pytest.raises(IndexError, match="of a schedule of 300 steps"):
            schedule().task(step)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sizes": {}}, "at least one task"),
        ({"weights": {"taxi": 1.0, "digits": 1.0}}, "task 'sst' has a size or a weight, not both"),
        ({"batches": {**dict.fromkeys(SIZES, 4), "ghost": 4}}, "task 'ghost' has a size or a batch, not both"),
        ({"sizes": {**SIZES, "sst": 0}}, "size of task 'sst' must be greater than 0, got '0'"),
        (
            {"weights": {**dict.fromkeys(SIZES, 1.0), "sst": float("nan")}},
            "weight of task 'sst' must be greater than 0",
        ),
    ],
)
def test_a_schedule_that_cannot_be_is_refused(changes, message):
    with pytest.raises(UsageError, match=message):
        schedule(**changes)


def test_a_batch_that_processes_cannot_share_is_refused():
    with pytest.raises(UsageError, match=r"batch '4' of task '.*' cannot be divided evenly over 3 processes"):
        schedule().indices(0, 0, 3)


@pytest.mark.parametrize("sampling", [Proportional(), Uniform(), Temperature(tau=3)])
def test_a_group_of_tasks_is_drawn_at_a_stated_share(sampling):
    weights = {"taxi": 1.0, "digits": 2.0, "sst": 0.5}
    made = schedule(sampling=sampling, weights=divided(SIZES, weights, sampling, ["taxi", "sst"], 0.25), steps=400)
    before, after = counts(schedule(sampling=sampling, weights=weights, steps=4000)), counts(made)
    assert after["taxi"] + after["sst"] == pytest.approx(100, abs=2)
    assert after["taxi"] / after["sst"] == pytest.approx(before["taxi"] / before["sst"], rel=0.25)

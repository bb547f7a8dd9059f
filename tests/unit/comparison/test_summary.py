import pytest

from unistd.core.comparison.outcome import Outcome
from unistd.core.comparison.summary import MEAN, summarise


def outcome(variant, seed, errors, alone="", seconds=10.0, peak=100, learning=5):
    return Outcome(
        variant=variant,
        seed=seed,
        alone=alone,
        errors=errors,
        baselines={task: {"climatology": 0.3} for task in errors},
        step=1,
        steps=2,
        samples=dict.fromkeys(errors, 8),
        parameters=2 * learning,
        learning=learning,
        seconds=seconds,
        peak_bytes=peak,
    )


JOINT = [outcome("a", 0, {"x": 0.4, "y": 0.8}), outcome("a", 1, {"x": 0.6, "y": 0.8}, seconds=20)]
ALONE = [
    outcome("a", 0, {"x": 0.5}, alone="x", peak=300),
    outcome("a", 0, {"y": 1.0}, alone="y"),
    outcome("a", 1, {"x": 0.6}, alone="x", peak=300),
    outcome("a", 1, {"y": 0.8}, alone="y"),
]


def test_a_row_has_mean_and_deviation_over_seeds_of_every_task_and_of_their_mean():
    (row,) = summarise(JOINT).rows
    assert row.errors["x"].mean == pytest.approx(0.5)
    assert row.errors["x"].spread == pytest.approx(0.1414, abs=1e-4)
    assert row.errors["y"].spread == 0
    assert row.errors[MEAN].seeds == pytest.approx({0: 0.6, 1: 0.7})
    assert row.seconds == 15


def test_one_seed_has_no_spread():
    (row,) = summarise(JOINT[:1]).rows
    assert row.errors["x"].spread is None


def test_models_of_one_task_each_are_one_row_with_their_costs_added():
    (row,) = summarise(ALONE).rows
    assert row.name == "a, each alone"
    assert row.errors[MEAN].seeds == pytest.approx({0: 0.75, 1: 0.7})
    assert (row.parameters, row.learning, row.seconds, row.peak_bytes) == (20, 10, 20, 300)


def test_joint_by_single_is_taken_seed_by_seed():
    ratio = summarise([*JOINT, *ALONE]).joint_by_single()["a"]
    assert ratio["x"].seeds == pytest.approx({0: 0.8, 1: 1.0})
    assert ratio[MEAN].seeds == pytest.approx({0: 0.8, 1: 1.0})


def test_a_seed_with_a_task_missing_is_left_out_of_the_row_and_of_ratios():
    summary = summarise([*JOINT, *ALONE[:3]])
    assert summary.rows[1].errors[MEAN].seeds.keys() == {0}
    assert summary.joint_by_single()["a"][MEAN].seeds.keys() == {0}


def test_the_control_is_what_others_are_held_against():
    control = [outcome("heads", 0, {"x": 0.8, "y": 0.8})]
    summary = summarise([*control, *JOINT, *ALONE], control="heads")
    ratios = summary.by_control()
    assert ratios.keys() == {"a", "a, each alone"}
    assert ratios["a"]["x"].seeds == pytest.approx({0: 0.5})
    assert summarise(JOINT).by_control() == {}


def test_the_winner_is_the_lowest_mean():
    summary = summarise([*JOINT, *ALONE, outcome("b", 0, {"x": 0.45, "y": 2.0})])
    assert summary.winner("x").name == "b"
    assert summary.winner(MEAN).name == "a"


def test_an_outcome_takes_ratios_to_persistence_and_comes_back_from_plain_data():
    record = {
        "test": {"mse": 2.0},
        "baselines": {"persistence": {"mse": 4.0}, "climatology": {"mse": 1.0}},
    }
    own = Outcome.of(
        {"x": record}, "test", **{k: v for k, v in JOINT[0].dump().items() if k not in ("errors", "baselines")}
    )
    assert own.errors == {"x": 0.5}
    assert own.baselines == {"x": {"climatology": 0.25}}
    assert Outcome(**own.dump()) == own

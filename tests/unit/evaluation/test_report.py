import io
import json
import math

import pytest
import torch
from rich.console import Console

from unistd.core.evaluation.report import results_table, task_record
from unistd.core.metric import Score
from unistd.plugins.metrics.categorical import CriticalSuccessIndex, FrequencyBias
from unistd.plugins.metrics.pixelwise import MeanSquaredError
from unistd.plugins.metrics.psnr import PeakSignalToNoise


def scores(mse, psnr):
    return {name: Score(torch.tensor(v), torch.tensor([v, v])) for name, v in (("mse", mse), ("psnr", psnr))}


def record(model=(50.0, 30.0), **others):
    metrics = {
        "mse": MeanSquaredError(leads=2, unit="trips"),
        "psnr": PeakSignalToNoise(leads=2, unit="trips", value_range=(0.0, 9.0)),
    }
    others = {"persistence": (100.0, 25.0), **others}
    baselines = {name.replace("_", "-"): scores(*values) for name, values in others.items()}
    return task_record(scores(*model), baselines, {"week-lag": "why"}, metrics, split="test", unit="trips", windows=7)


def printed(records):
    console = Console(file=io.StringIO(), width=80)
    console.print(results_table(records))
    return console.file.getvalue()


def row(text, metric):
    return next(line for line in text.splitlines() if line.startswith(f"{metric} "))


def test_a_record_is_plain_json_with_identities():
    entry = json.loads(json.dumps(record(climatology=(80.0, 26.0))))
    assert entry["test"] == {"mse": 50.0, "psnr": 30.0}
    assert entry["leads"]["mse"] == [50.0, 50.0]
    assert entry["baselines"] == {
        "persistence": {"mse": 100.0, "psnr": 25.0},
        "climatology": {"mse": 80.0, "psnr": 26.0},
    }
    assert entry["left_out"] == {"week-lag": "why"}
    assert (entry["unit"], entry["windows"]) == ("trips", 7)
    assert entry["metrics"]["psnr"]["data_range"] == 9.0
    assert entry["metrics"]["mse"]["unit"] == "trips²"


def test_the_table_compares_with_persistence_and_marks_the_winner():
    text = printed({"taxi": record(climatology=(80.0, 26.0), day_lag=(90.0, 31.0))})
    assert row(text, "mse").split() == ["mse", "50*", "100", "0.500", "80", "climatology", "trips²"]
    assert row(text, "psnr").split() == ["psnr", "30", "25", "+5.00", "31", "day-lag*", "dB"]


@pytest.mark.parametrize(("model", "winner"), [((150.0, 20.0), "persistence"), ((math.nan, 20.0), "persistence")])
def test_a_model_that_loses_or_broke_is_not_the_winner(model, winner):
    cells = row(printed({"taxi": record(model)}), "mse").split()
    assert cells[2] == "100*"
    assert cells[1] == ("nan" if math.isnan(model[0]) else "150")


def test_ten_tasks_with_long_names_fit_80_columns():
    wide = record((123456.7, 30.123), climatology=(1.234e9, 20.0))
    text = printed({f"traffic4cast-{i}": wide for i in range(10)})
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "…" not in text
    assert text.count("traffic4cast-") == 10


def skill(model, persistence):
    """A record of csi and bias over the thresholds 1 and 5, each (value, part, part)."""

    def scores(values):
        return {
            name: Score(torch.tensor(v), torch.tensor([v, v]), {"1": torch.tensor(a), "5": torch.tensor(b)})
            for name, (v, a, b) in zip(("csi", "bias"), values, strict=True)
        }

    metrics = {
        "csi": CriticalSuccessIndex(leads=2, unit="dBZ", thresholds=(1.0, 5.0)),
        "bias": FrequencyBias(leads=2, unit="dBZ", thresholds=(1.0, 5.0)),
    }
    others = {"persistence": scores(persistence)}
    return task_record(scores(model), others, {}, metrics, split="test", unit="dBZ", windows=7)


def test_parts_are_kept_and_shown_below_their_mean():
    entry = skill([(0.5, 0.75, 0.25), (1.5, 2.5, 0.5)], [(0.4, 0.5, 0.3), (0.5, 0.4, 0.6)])
    kept = json.loads(json.dumps(entry))
    assert kept["parts"]["csi"] == {"1": 0.75, "5": 0.25}
    assert kept["baseline_parts"]["persistence"]["csi"] == pytest.approx({"1": 0.5, "5": 0.3})
    assert kept["metrics"]["csi"]["thresholds"] == [1.0, 5.0]
    text = printed({"radar": kept})
    assert row(text, "csi").split()[:3] == ["csi", "0.5*", "0.4"]
    assert row(text, "csi@1").split()[:3] == ["csi@1", "0.75*", "0.5"]
    assert row(text, "csi@5").split()[:3] == ["csi@5", "0.25", "0.3*"]
    del kept["parts"]["csi"]["5"]
    assert "csi@" not in printed({"radar": kept}), "a single part is the value itself"
    del kept["parts"], kept["baseline_parts"]
    assert "csi@" not in printed({"radar": kept}), "records of before there were parts"


def test_the_best_bias_is_the_nearest_to_one_by_its_ratio():
    """1.5 is nearer than 0.5 = 1 / 2; 0.6 is nearer than 0.5; 0 is farther than anything."""
    text = printed({"radar": skill([(0.5, 0.5, 0.5), (1.5, 0.0, 0.5)], [(0.4, 0.4, 0.4), (0.5, 9.0, 0.6)])})
    assert row(text, "bias").split()[1:3] == ["1.5*", "0.5"]
    assert row(text, "bias@1").split()[1:3] == ["0", "9*"]
    assert row(text, "bias@5").split()[1:3] == ["0.5", "0.6*"]


def test_a_part_without_a_value_is_kept_as_none_and_never_wins():
    entry = json.loads(json.dumps(skill([(0.5, math.nan, 0.5), (1.0, 1.0, 1.0)], [(0.4, 0.1, 0.4), (1.0, 1.0, 1.0)])))
    assert entry["parts"]["csi"]["1"] is None
    assert row(printed({"radar": entry}), "csi@1").split()[1:3] == ["nan", "0.1*"]


def test_a_skill_below_zero_has_no_ratio_to_persistence():
    text = printed({"radar": skill([(0.5, 0.5, 0.5), (1.0, 1.0, 1.0)], [(-0.4, 0.4, 0.4), (1.0, 1.0, 1.0)])})
    assert row(text, "csi").split()[:4] == ["csi", "0.5*", "-0.4", "-"]

import io
import json
import math

import pytest
import torch
from rich.console import Console

from unistd.core.evaluation.report import results_table, task_record
from unistd.core.metric import Score
from unistd.plugins.metrics.pixelwise import MeanSquaredError
from unistd.plugins.metrics.psnr import PeakSignalToNoise


def scores(mse, psnr):
    return {name: Score(torch.tensor(v), torch.tensor([v, v])) for name, v in (("mse", mse), ("psnr", psnr))}


def record(model=(50.0, 30.0), **others):
    metrics = {
        "mse": MeanSquaredError(leads=2, unit="trips"),
        "psnr": PeakSignalToNoise(leads=2, unit="trips", data_range=9.0),
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

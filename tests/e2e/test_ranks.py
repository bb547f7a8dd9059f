"""What a run leaves of its ranks and experts."""

from __future__ import annotations

import json

import pytest
from safetensors.torch import load_file

from unistd.cli.main import main


def rows(run, event):
    return [row for line in (run / "log.jsonl").read_text().splitlines() if (row := json.loads(line))["event"] == event]


def test_the_log_follows_every_rank_to_its_whole_end(finished):
    ranks = rows(finished, "ranks")
    assert [(row["step"], row["learning"]) for row in ranks] == [
        (0, True),
        (2, True),
        (4, True),
        (6, True),
        (6, False),
    ]
    assert ranks[0]["ranks"]["layers.0.attn.qkv.q"] == [1.5, 1.5]
    assert set(ranks[0]["ranks"]) == {f"layers.0.attn.{name}" for name in ("qkv.q", "qkv.k", "qkv.v", "proj.proj")} | {
        "layers.0.temporal.up.temporal"
    }
    last = [rank for own in ranks[-1]["ranks"].values() for rank in own]
    assert sum(last) == ranks[-1]["sum"] == ranks[-1]["allowed"] == 15
    assert all(rank == int(rank) for rank in last)
    assert ranks[3]["ranks"] != ranks[0]["ranks"]


def test_checkpoints_get_smaller_when_ranks_are_fixed(finished):
    fixed = rows(finished, "ranks")[-1]["ranks"]
    tensors = load_file(finished / "checkpoints" / "step-00000012" / "model.safetensors")
    down = tensors["model.backbone.layers.0.attn.proj.adapter.down"]
    assert len(down) == sum(fixed["layers.0.attn.proj.proj"])
    moments = load_file(finished / "checkpoints" / "step-00000012" / "optimizer.safetensors")
    assert moments["exp_avg/model.backbone.layers.0.attn.proj.adapter.down"].shape == down.shape
    assert not any("adapter.rank" in name for name in moments)


def test_every_validation_says_how_each_task_uses_the_experts(finished):
    (first, *_) = rows(finished, "experts")
    assert set(first["tasks"]) == {"city", "shapes"}
    use = first["tasks"]["city"]["layers.0.attn.qkv.q"]
    assert sum(use["weights"]) == pytest.approx(1, abs=1e-4)
    assert 0 < use["entropy"] <= 1
    assert use != first["tasks"]["shapes"]["layers.0.attn.qkv.q"]


def test_a_checkpoint_of_the_rank_phase_is_scored_by_a_model_of_the_spec(spec, tmp_path, capsys):
    assert main(["train", str(spec), "-o", "training.steps=8", "-o", "model.adapter.rank.phase={steps: 6}"]) == 0
    run = tmp_path / "run"
    (run / "checkpoints" / "last").write_text("step-00000004")
    capsys.readouterr()
    assert main(["evaluate", str(run), "--checkpoint", "last", "--split", "val", "--json"]) == 0
    scored = json.loads(capsys.readouterr().out)
    assert scored["step"] == 4
    # Normalised error of the log against the physical one of the command: the units are one scale apart.
    (logged, *_) = rows(run, "validation")
    ratio = scored["tasks"]["shapes"]["val"]["mse"] / scored["tasks"]["shapes"]["baselines"]["persistence"]["mse"]
    assert ratio == pytest.approx(logged["errors"]["shapes"] / logged["persistence"]["shapes"], rel=1e-4)


@pytest.mark.slow
def test_ranks_that_cannot_move_raise_an_alarm(spec, tmp_path, capsys):
    assert main(["train", str(spec), "-o", "model.adapter.rank.lr=1e-30", "-o", "training.steps=8"]) == 0
    assert "alarm: the ranks of the experts never moved" in capsys.readouterr().err
    assert [row["step"] for row in rows(tmp_path / "run", "alarm")] == [4]


@pytest.mark.slow
def test_experts_nobody_uses_raise_an_alarm(spec, tmp_path, capsys, monkeypatch):
    from unistd.plugins.router_softmax.softmax import SoftmaxRouter

    gate = SoftmaxRouter.gate
    monkeypatch.setattr(SoftmaxRouter, "gate", lambda self, scores: gate(self, scores - scores.new_tensor([0, 30])))
    assert main(["train", str(spec), "-o", "training.steps=8"]) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "alarm: experts that no task uses: layers.0.attn.qkv.q 1, layers.0.attn.qkv.k 1" in said
    assert len(rows(tmp_path / "run", "alarm")) == 2


def test_a_phase_longer_than_the_training_is_refused_before_anything_is_written(spec, tmp_path, capsys):
    assert main(["train", str(spec), "-o", "model.adapter.rank.phase={epochs: 10}"]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "the rank phase of '1210' steps does not end in the training of 12" in said
    assert not (tmp_path / "run").exists()

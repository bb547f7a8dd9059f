"""Bad input is answered with what, where and what to do; nothing is lost."""

from __future__ import annotations

import shutil

import pytest

from unistd.cli.main import main
from unistd.core.training.run_folder import RunFolder


def answer(arguments, capsys) -> tuple[int, str]:
    code = main([str(argument) for argument in arguments])
    return code, " ".join(capsys.readouterr().err.split())


def test_all_errors_of_a_spec_at_once_with_positions(spec, capsys):
    spec.write_text(
        spec.read_text().replace("timm-vit", "tim-vit").replace("steps: 12", "steps: many").replace("seed:", "sed:")
    )
    code, said = answer(["train", spec], capsys)
    assert code == 2
    assert "tiny.yaml:3:1: unknown key 'sed'" in said
    assert "unknown backbone 'tim-vit'" in said
    assert "did you mean 'timm-vit'?" in said
    assert "got 'many'" in said


def test_missing_spec(tmp_path, capsys):
    code, said = answer(["train", tmp_path / "none.yaml"], capsys)
    assert (code, "none.yaml" in said) == (2, True)


def test_run_folder_that_exists_is_left_alone(finished, capsys):
    before = (finished / "log.jsonl").read_bytes()
    code, said = answer(["train", finished.parent / "tiny.yaml"], capsys)
    assert code == 2
    assert f"the run folder '{finished}' exists and is not empty" in said
    assert "'--resume' goes on with it" in said
    assert (finished / "log.jsonl").read_bytes() == before


def test_folder_with_other_things_is_left_alone(spec, tmp_path, capsys):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.txt").write_text("years of work")
    code, said = answer(["train", spec], capsys)
    assert code == 2
    assert "exists and is not empty" in said
    assert (tmp_path / "run" / "thesis.txt").read_text() == "years of work"


def test_resume_without_a_run(spec, tmp_path, capsys):
    code, said = answer(["train", spec, "--resume"], capsys)
    assert code == 2
    assert "is no run folder" in said


def test_truncated_checkpoint_names_the_whole_one(finished, tmp_path, capsys):
    shutil.copytree(finished, tmp_path / "copy")
    checkpoints = tmp_path / "copy" / "checkpoints"
    newest = checkpoints / (checkpoints / "last").read_text()
    (newest / "model.safetensors").write_bytes((newest / "model.safetensors").read_bytes()[:100])
    code, said = answer(["evaluate", tmp_path / "copy", "--checkpoint", "last"], capsys)
    assert code == 1
    assert f"checkpoint '{newest.name}' is damaged: 'model.safetensors' is truncated or was changed" in said
    assert "delete that folder, then --resume goes on from 'step-00000008'" in said


def test_raw_folder_that_is_not_there(tmp_path, spec, capsys, monkeypatch):
    monkeypatch.setenv("UNISTD_DATA", str(tmp_path / "nowhere"))
    spec.write_text(spec.read_text().replace("synthetic-traffic, days: 14, height: 8, width: 9", "nyc-taxi"))
    code, said = answer(["train", spec], capsys)
    assert code == 1
    assert "no folder with the raw files 'nyc_taxi'" in said
    assert str(tmp_path / "nowhere" / "nyc_taxi") in said


def test_store_of_another_task(spec, tmp_path, capsys):
    store = tmp_path / "frames.zarr"
    text = spec.read_text()
    spec.write_text(text.replace("days: 14,", f"days: 14, store: {store},"))
    assert main(["train", str(spec), "--dry-run"]) == 0
    spec.write_text(text.replace("train: 10,", f"train: 10, store: {store},"))
    capsys.readouterr()
    code, said = answer(["train", spec], capsys)
    assert code == 1
    assert "store holds task 'synthetic-traffic'" in said
    assert "asked for is 'synthetic-motion'" in said


def test_window_that_fits_no_frames(spec, capsys):
    spec.write_text(spec.read_text().replace("days: 14,", "days: 14, window: {past: 400, future: 9},"))
    code, said = answer(["train", spec], capsys)
    assert code == 1
    assert "of task 'synthetic-traffic' gives no window" in said


def test_run_that_is_none(tmp_path, capsys):
    code, said = answer(["evaluate", tmp_path], capsys)
    assert code == 2
    assert "is no run folder: no readable spec.json" in said


@pytest.mark.parametrize("value", ["training.steps=0", "training.optimizer.lr=-1", "training.optimizer.lr=.inf"])
def test_absurd_numbers_are_refused(spec, value, capsys):
    code, said = answer(["train", spec, "-o", value], capsys)
    assert code == 2
    assert "<override>" in said


def test_a_metric_that_cannot_be_had_is_found_before_training(spec, tmp_path, capsys):
    code, said = answer(["train", spec, "-o", "tasks.city.metrics=[psnr]"], capsys)
    assert code == 2
    assert "psnr" in said
    assert not (tmp_path / "run").exists()


def test_an_output_that_is_a_file(spec, tmp_path, capsys):
    (tmp_path / "run").write_text("a file")
    code, said = answer(["train", spec], capsys)
    assert (code, f"the output '{tmp_path / 'run'}' is a file" in said) == (2, True)


def test_router_options_without_a_router(spec, capsys):
    code, said = answer(["train", spec, "-o", "model.adapter={kind: lora}", "-o", "model.router.top_k=1"], capsys)
    assert code == 2
    assert "the options of router 'softmax' have no effect: adapter 'lora' uses no router" in said


def test_a_task_named_like_a_part_of_a_module(spec, capsys):
    spec.write_text(spec.read_text().replace("  city:", "  train:"))
    code, said = answer(["train", spec], capsys)
    assert (code, "a task cannot be named 'train'" in said) == (2, True)


def test_options_of_a_store_made_with_others(spec, tmp_path, capsys):
    spec.write_text(spec.read_text().replace("days: 14,", f"days: 14, store: {tmp_path / 'frames.zarr'},"))
    assert main(["train", str(spec), "--dry-run"]) == 0
    capsys.readouterr()
    code, said = answer(["train", spec, "--dry-run", "-o", "tasks.city.days=15"], capsys)
    assert code == 1
    assert "the store was made with days '14', asked for is '15'" in said


def test_two_processes_do_not_train_in_one_folder(finished, capsys):
    with RunFolder(finished).lock():
        code, said = answer(["train", finished.parent / "tiny.yaml", "--resume"], capsys)
    assert (code, "another process is training in" in said) == (2, True)


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "SPEC", "--dry-run", "--resume"],
        ["predict", "RUN", "--task", "city", "--out", "x", "--latest", "--split", "val"],
    ],
)
def test_options_that_would_have_no_effect(arguments, spec, finished, capsys):
    code, said = answer([{"SPEC": spec, "RUN": finished}.get(a, a) for a in arguments], capsys)
    assert (code, "leave one of them out" in said) == (2, True)


def test_overrides_reach_parts_the_spec_leaves_out(spec, capsys):
    overrides = ["model.temporal.form=multiplicative", "training.schedule.warmup=3", "tasks.city.head.stride=2"]
    assert main(["show", str(spec), *(part for o in overrides for part in ("-o", o))]) == 0
    shown = capsys.readouterr().out
    assert "form: multiplicative" in shown
    assert "warmup: 3" in shown

"""A data set of one's own, from an array to scores, without a line of Python."""

import json

import numpy as np
import pytest

from unistd.cli.main import main

CARD = """\
name: waves
files: [frames.npy]
dims: [time, y, x, channel]
channels: {height: {unit: m}, speed: {unit: m s-1}}
time: {start: 2024-01-01}
step: [10, m]
window: {past: 4, future: 3}
split: {fractions: [0.6, 0.2, 0.2]}
missing: mask
"""

SPEC = """\
name: waves
model:
  backbone: {{kind: timm-vit, variant: vit_tiny_patch16_224, depth: 1, width: 24, heads: 2, pretrained: false}}
  adapter: {{kind: lora, rank: 2}}
tasks:
  sea: {{kind: grid, store: {store}, head: {{kind: conv, width: 8}}, metrics: [mae]}}
training: {{steps: 4, batch: 2, checkpoint: {{every: 2, keep: 1}}}}
output: {output}
"""


@pytest.fixture
def card(tmp_path):
    frames = np.random.default_rng(0).normal(size=(80, 7, 9, 2)).astype(np.float32)
    frames[:, 0, 0] = np.nan
    np.save(tmp_path / "frames.npy", frames)
    (tmp_path / "card.yaml").write_text(CARD)
    return tmp_path / "card.yaml"


def test_from_an_array_to_scores_forecast_and_bundle(card, tmp_path, capsys):
    store, run = tmp_path / "waves.zarr", tmp_path / "run"
    assert main(["data", "import", str(card), "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert "frames.npy  frames.npy  80      2024-01-01  2024-01-01T13:10\n" in out
    assert (
        "80 frames of (channel, y, x) = (2, 7, 9), float32, 0.0 MiB; 1 unbroken run; train 48, val 16, test 16" in out
    )
    assert not store.exists()
    assert main(["data", "import", str(card), "--out", str(store)]) == 0
    assert f"train it as {{kind: grid, store: {store}}}" in capsys.readouterr().out
    (tmp_path / "spec.yaml").write_text(SPEC.format(store=store, output=run))
    assert main(["train", str(tmp_path / "spec.yaml")]) == 0
    scores = json.loads((run / "metrics.json").read_text())["tasks"]["sea"]
    assert scores["windows"] == 16 - 7 - 7 + 1  # after an embargo of a window
    assert main(["predict", str(run), "--task", "sea", "--out", str(tmp_path / "forecast.zarr")]) == 0
    assert main(["export", str(run), "--task", "sea", "--to", str(tmp_path / "bundle"), "--no-onnx"]) == 0


def test_the_same_card_and_files_are_not_imported_twice(card, tmp_path, capsys):
    words = ["data", "import", str(card), "--out", str(tmp_path / "waves.zarr")]
    assert main(words) == 0
    assert main(words) == 0
    assert "was made of the same card and files; nothing to do" in capsys.readouterr().err
    card.write_text(CARD.replace("past: 4", "past: 5"))
    assert main(words) == 1
    assert "the store was made of another card or other files\n  help: remove the folder" in capsys.readouterr().err


def test_a_store_of_other_values_or_other_lists_is_not_taken_for_the_same(card, tmp_path, capsys):
    words = ["data", "import", str(card), "--out", str(tmp_path / "waves.zarr")]
    assert main(words) == 0
    frames = np.load(tmp_path / "frames.npy")
    np.save(tmp_path / "frames.npy", frames)  # touched, and the same
    assert main(words) == 0
    np.save(tmp_path / "frames.npy", frames + 1)
    assert main(words) == 1
    assert f"the store was made before '{tmp_path / 'frames.npy'}' was changed" in capsys.readouterr().err
    for split in ("train", "val", "test"):
        np.save(tmp_path / f"{split}.npy", frames)
        (tmp_path / f"{split}.txt").write_text(f"{split}.npy\n")
    lists = "{train: [train.txt], val: [val.txt], test: [test.txt]}"
    listed = CARD.replace("{fractions: [0.6, 0.2, 0.2]}", f"{{lists: {lists}}}\nsequence: file")
    card.write_text(listed.replace("[frames.npy]", "['t*.npy', val.npy]"))
    words[-1] = str(tmp_path / "listed.zarr")
    assert main(words) == 0
    (tmp_path / "val.txt").write_text("test.npy\n")
    (tmp_path / "test.txt").write_text("val.npy\n")
    assert main(words) == 1
    assert "the store was made of another card or other files" in capsys.readouterr().err


def test_errors_of_a_card_are_shown_with_their_place(card, capsys):
    card.write_text(CARD.replace("unit: m s-1", "units: m s-1"))
    assert main(["data", "import", str(card), "--out", "x.zarr"]) == 2
    assert f"{card}:4:39: unknown key 'units' in 'channels.speed'\n" in capsys.readouterr().err


def test_no_store_is_half_written(card, tmp_path, capsys):
    card.write_text(CARD.replace("missing: mask", "missing: error"))
    assert main(["data", "import", str(card), "--out", str(tmp_path / "waves.zarr")]) == 1
    assert (
        "frames.npy, frame 0 (2024-01-01T00:00:00.000): channel 'height' has a missing value" in capsys.readouterr().err
    )
    assert not list(tmp_path.glob("*.zarr"))


def test_without_a_place_to_write(card, capsys):
    assert main(["data", "import", str(card)]) == 2
    assert capsys.readouterr().err.startswith("'--out' is missing\n  help: name the folder of the store")

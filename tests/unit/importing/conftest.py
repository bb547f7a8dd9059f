import json
from types import SimpleNamespace

import numpy as np
import pytest

from unistd.core.importing.task import ImportedTask
from unistd.registry.import_card import load_card

CARD = {
    "name": "waves",
    "files": ["*.npy"],
    "dims": ["time", "y", "x"],
    "channels": {"height": {"unit": "m"}},
    "time": {"start": "2020-01-01"},
    "step": [1, "h"],
    "window": {"past": 2, "future": 1},
    "split": {"fractions": [0.5, 0.25, 0.25]},
}


@pytest.fixture
def task(tmp_path):
    """Make the task of a card in ``tmp_path``: the base card with changes, of which None drops a key; files are there
    too, or in ``folder``.
    """

    def make(folder=tmp_path, **changes):
        card = {key: value for key, value in {**CARD, **changes}.items() if value is not None}
        path = tmp_path / "card.yaml"
        path.write_text(json.dumps(card, indent=1), encoding="utf-8")
        return ImportedTask(load_card(path), folder)

    return make


@pytest.fixture
def read(task):
    """Read every sequence of a card: name, frames, times, split, y and x."""

    def make(**changes):
        return [
            SimpleNamespace(**{**vars(s), "frames": np.asarray(s.frames.compute(scheduler="sync"))})
            for s in task(**changes).sequences()
        ]

    return make


@pytest.fixture
def noise():
    """Random values of a shape."""

    def make(*shape, dtype=np.float32):
        return np.random.default_rng(0).normal(100, 30, shape).astype(dtype)

    return make

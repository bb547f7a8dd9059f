from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from unistd.core.data.ledger import Ledger
from unistd.core.data.windows import Windows
from unistd.core.task import SPLITS


class Planned(SimpleNamespace):
    """As much of a store as windows are found by."""

    def __len__(self):
        return len(self.split)


@pytest.fixture
def windows():
    """Find the windows of a task by the data engine's own rules, without reading a frame: their starts by split."""

    def find(task):
        ledger = Ledger(task.card)
        for sequence in task.sequences():
            ledger.admit(sequence)
        ledger.check_splits()
        valid = np.ones(len(ledger), np.int64)
        store = Planned(card=task.card, sequence=ledger.sequence, split=ledger.split, valid=valid, path="planned")
        window = task.card.window
        return {split: Windows(store, split, window.past, window.future).starts for split in SPLITS}

    return find


@pytest.fixture
def save():
    """Write an array (H, W, 3) as an image, its folders too."""

    def write(path, pixels, **options):
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.asarray(pixels, np.uint8)).save(path, **options)

    return write

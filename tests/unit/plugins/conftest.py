from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from unistd.core.data.ledger import Ledger, check_card
from unistd.core.data.raw import raw_folder
from unistd.core.data.windows import Windows
from unistd.core.errors import DataError
from unistd.core.task import SPLITS


@pytest.fixture
def real():
    """Folder of the real raw files of a task; skips where they are not on this machine."""

    def folder(name: str) -> Path:
        try:
            return raw_folder(None, name)
        except DataError as error:
            pytest.skip(f"real data absent: {error.message}")

    return folder


class Unread(SimpleNamespace):
    """As much of a store as windows look at, of frames that were never read."""

    def __len__(self):
        return len(self.sequence)


@pytest.fixture
def count_windows():
    """Count the windows (train, val, test) of a task from what it says of its sequences; no frame is computed."""

    def count(task):
        check_card(task.card)
        ledger = Ledger(task.card)
        for sequence in task.sequences():
            ledger.admit(sequence)
        ledger.check_splits()
        store = Unread(
            card=task.card,
            path="unread",
            sequence=ledger.sequence,
            split=ledger.split,
            valid=np.ones(len(ledger), np.int64),
        )
        window = task.card.window
        return tuple(len(Windows(store, split, window.past, window.future)) for split in SPLITS)

    return count

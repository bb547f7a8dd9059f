from pathlib import Path

import pytest

from unistd.core.data.raw import raw_folder
from unistd.core.errors import DataError


@pytest.fixture
def real():
    """Folder of the real raw files of a task; skips where they are not on this machine."""

    def folder(name: str) -> Path:
        try:
            return raw_folder(None, name)
        except DataError as error:
            pytest.skip(f"real data absent: {error.message}")

    return folder

"""The wheel holds the package and its metadata, all of it and nothing else."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("core", "registry", "plugins", "cli")


@pytest.fixture(scope="module")
def names(tmp_path_factory) -> set[str]:
    target = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(target)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = target.glob("*.whl")
    return set(zipfile.ZipFile(wheel).namelist())


def test_only_the_package_and_its_metadata(names):
    assert {name.split("/")[0].partition("-")[0] for name in names} == {"unistd"}


def test_every_module_is_in_it(names):
    tracked = subprocess.run(
        ["git", "ls-files", *FOLDERS], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split()
    assert {f"unistd/{name}" for name in tracked} | {"unistd/py.typed", "unistd/__init__.py"} == {
        name for name in names if name.startswith("unistd/")
    }


def test_folders_cannot_be_imported_by_their_short_names():
    for folder in FOLDERS:
        result = subprocess.run(
            [sys.executable, "-c", f"import {folder}"], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert f"import unistd.{folder}, not {folder}" in result.stderr

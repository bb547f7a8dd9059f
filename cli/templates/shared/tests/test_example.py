"""The example spec is valid."""

from __future__ import annotations

from pathlib import Path

from unistd.cli.main import main

SPEC = Path(__file__).parents[1] / "examples" / "newname.yaml"


def test_the_example_is_valid() -> None:
    assert main(["validate", str(SPEC)]) == 0

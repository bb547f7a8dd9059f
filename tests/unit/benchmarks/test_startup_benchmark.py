"""The start-up benchmark installs plug-ins that are really found, and sets seconds beside targets."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from unistd.registry.discovery import load


@pytest.fixture
def startup(monkeypatch):
    """The program as a module."""
    monkeypatch.syspath_prepend(Path(__file__).parents[3] / "benchmarks")
    import startup

    return startup


def test_what_it_installs_is_found_and_sound(startup, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(startup.install(3, tmp_path / "site"))
    loaded, failures = load({"UNISTD_PLUGINS": "unistd-demo-0,unistd-demo-1,unistd-demo-2"})
    assert failures == []
    found = [info.components[0].name for info in loaded if info.plugin.dist.startswith("unistd-demo")]
    assert found == ["demo-0", "demo-1", "demo-2"]


def test_a_command_sees_them_and_tells_what_it_imports(startup, tmp_path):
    done = startup.call(startup.SEE, ["plugins", "list"], startup.install(2, tmp_path / "site"))
    assert "demo-1" in done.stdout
    assert done.stderr.splitlines()[-1] == "0 []"


def test_time_of_the_processor_is_that_of_the_child(startup):
    spent: list[float] = []
    startup._spending(lambda: os.waitpid(os.posix_spawn("/bin/true", ["true"], {}), 0), spent)
    assert 0 <= spent[0] < 1


@pytest.mark.parametrize(
    ("median", "imports", "met"), [(0.2, "[]", True), (0.4, "[]", False), (0.2, "['torch']", False)]
)
def test_a_target_is_met_in_time_and_without_torch(startup, median, imports, met):
    row = {"command": "--help", "plugins": 40, "median": median, "imports": imports}
    (verdict,) = startup.verdicts([{"command": "python -c pass"}, row])
    assert (verdict["is"], verdict["target"], verdict["met"]) == (median, 0.3, met)

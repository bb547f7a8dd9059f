"""What the README shows runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from unistd.cli.main import COMMANDS, main, unistd
from unistd.core.data.normalization import Normalization
from unistd.core.forecaster import Forecaster
from unistd.core.training.checkpoint import Checkpoint
from unistd.core.training.run_folder import RunFolder
from unistd.registry.bundle import bundle_of
from unistd.registry.compose import compose_model, compose_tasks
from unistd.registry.joint_run import JointRun
from unistd.registry.registry import Registry
from unistd.registry.spec import load_spec

GROUPS = {"plugins": ["list", "show", "check", "new"], "data": ["prepare", "import", "inspect", "check"]}
ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


def test_the_python_example_runs_and_is_short():
    _, code, _ = blocks("python")
    assert len([line for line in code.splitlines() if line.strip() and "import" not in line]) <= 15
    scope: dict[str, object] = {}
    exec(compile(code + "\nresult = model(torch.zeros(1, 12, 1, 9, 7), 'clouds')", "README.md", "exec"), scope)
    assert scope["result"].shape == (1, 6, 1, 9, 7)


@pytest.mark.slow
def test_the_example_of_the_commands_runs(tmp_path, monkeypatch):
    code, *_ = blocks("python")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    scope: dict[str, object] = {}
    exec(compile(code, "README.md", "exec"), scope)
    assert scope["forecast"].shape == (6, 2, 24, 36)
    assert set(scope["results"]["tasks"]) == {"traffic", "motion", "driving", "weather"}


def test_the_bundle_example_runs_on_a_bundle_of_the_quickstart(tmp_path, monkeypatch):
    *_, code = blocks("python")
    registry = Registry.discover()
    spec = load_spec(ROOT / "examples" / "quickstart.yaml", registry)
    tasks = compose_tasks(spec, registry)
    units = {name: Normalization.identity(len(own.task.card.channels)) for name, own in tasks.items()}
    forecaster = Forecaster(compose_model(spec, registry), units).eval()
    run = JointRun(spec, registry, tasks, {}, forecaster, RunFolder(tmp_path), {})
    bundle_of(run, Checkpoint(0, {}, {"ranks_fixed": False}), "weather", tmp_path / "weather-model")
    monkeypatch.chdir(tmp_path)
    scope: dict[str, torch.Tensor] = {}
    exec(compile(code, "README.md", "exec"), scope)
    assert scope["forecast"].shape == scope["past"].shape
    assert torch.equal(scope["forecast"], forecaster.forecast("weather", scope["past"]))


def test_the_spec_shown_is_the_spec_shipped():
    (shown,) = blocks("yaml")
    shipped = (ROOT / "examples" / "quickstart.yaml").read_text()
    assert shown.strip() in shipped


def test_every_command_is_shown_and_every_shown_command_exists():
    shown = set(re.findall(r"^unistd ([a-z]+)", README, flags=re.MULTILINE))
    assert shown == {command.name for command in COMMANDS}


@pytest.mark.parametrize("command", [c.name for c in COMMANDS])
def test_options_shown_are_options_of_the_command(command):
    lines = re.findall(rf"^unistd {command}\b.*", README, flags=re.MULTILINE)
    asked = {option for line in lines for option in re.findall(r"(?<!\S)--?[a-z]+", line)}
    parts = [[command, sub] for sub in GROUPS[command]] if command in GROUPS else [[command]]
    help_text = "".join(CliRunner().invoke(unistd, [*part, "--help"]).output for part in parts)
    assert [option for option in asked if option not in help_text] == []


@pytest.mark.parametrize("name", ["quickstart", "real", "pretrain", "paper"])
def test_examples_validate(name):
    assert main(["validate", str(ROOT / "examples" / f"{name}.yaml")]) == 0

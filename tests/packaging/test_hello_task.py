"""The example of a third party's package: built, installed beside unistd, used, taken away and asked for again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "plugins" / "unistd-hello-task"
UNISTD = "import sys; from unistd.cli.main import main; sys.exit(main())"


class Environment:
    """A fresh environment that borrows what is installed in ours, and pip, which is ours."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder / "venv", symlinks=True)
        self.folder, self.python = folder, folder / "venv" / "bin" / "python"
        (own,) = (folder / "venv" / "lib").glob("python*/site-packages")
        borrowed = [path for path in sys.path if path and Path(path).is_dir() and path != str(EXAMPLE / "src")]
        (own / "borrowed.pth").write_text("\n".join(borrowed))

    def run(self, *words: object) -> subprocess.CompletedProcess[str]:
        """Run our own Python, in the environment's folder."""
        return subprocess.run(list(map(str, words)), cwd=self.folder, capture_output=True, text=True, check=False)

    def pip(self, *words: object) -> None:
        """Run pip on the environment."""
        done = self.run(sys.executable, "-P", "-m", "pip", "--python", self.python, *words)
        assert done.returncode == 0, done.stderr

    def unistd(self, *words: object) -> subprocess.CompletedProcess[str]:
        """Run a command of unistd in it."""
        return self.run(self.python, "-P", "-c", UNISTD, *words)


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """The environment with the example's wheel in it, built and installed without network."""
    folder = tmp_path_factory.mktemp("hello")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(build, cwd=EXAMPLE, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    made = Environment(folder)
    made.pip("install", "--quiet", "--no-index", "--no-deps", wheel)
    (folder / "hello.yaml").write_text((EXAMPLE / "hello.yaml").read_text())
    return made


def test_it_is_listed_with_all_it_offers(environment):
    done = environment.unistd("plugins", "list", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    own = {(row["kind"], row["name"]) for row in found["components"] if row["distribution"] == "unistd-hello-task"}
    assert own == {("task", "hello-heat"), ("metric", "hello-peak"), ("head", "hello-patch")}
    assert found["failures"] == []


def test_a_spec_that_mixes_it_with_a_built_in_task_is_valid(environment):
    done = environment.unistd("validate", "hello.yaml")
    assert (done.stdout, done.stderr) == ("hello.yaml: valid, tasks: plate, traffic\n", "")
    typo = environment.unistd("validate", "hello.yaml", "-o", "tasks.plate.sports=3")
    assert typo.returncode == 2
    assert "unknown key 'sports' in task 'hello-heat'" in typo.stderr
    assert "did you mean 'spots'?" in typo.stderr


@pytest.mark.slow
def test_it_trains_beside_a_built_in_task(environment, monkeypatch):
    monkeypatch.setitem(os.environ, "UNISTD_STORES", str(environment.folder / "stores"))
    done = environment.unistd("train", "hello.yaml", "-o", "training.steps=30", "-o", "training.checkpoint.every=10")
    assert done.returncode == 0, done.stderr
    metrics = json.loads((environment.folder / "runs" / "hello" / "metrics.json").read_text())
    scores = metrics["tasks"]["plate"]["metrics"]
    assert metrics["tasks"].keys() == {"plate", "traffic"}
    assert scores["hello-peak"]["unit"] == "degC"
    record = json.loads((environment.folder / "runs" / "hello" / "spec.json").read_text())
    assert record["plugins"]["unistd-hello-task"] == "0.1.0"


def test_without_it_the_spec_is_answered_by_the_command_that_brings_it_back(environment):
    environment.pip("uninstall", "--quiet", "--yes", "unistd-hello-task")
    done = environment.unistd("validate", "hello.yaml")
    assert done.returncode == 3
    assert done.stderr == (
        "hello.yaml:7:13: the spec needs plug-in 'unistd-hello-task', which is not installed\n"
        "  help: pip install 'unistd-hello-task'\n\n"
    )
    assert "hello" not in environment.unistd("plugins", "list").stdout


def test_only_its_own_package_is_in_the_wheel_and_nothing_of_it_in_ours(environment):
    (wheel,) = environment.folder.glob("*.whl")
    listed = environment.run(sys.executable, "-m", "zipfile", "--list", wheel).stdout.splitlines()[1:]
    assert {line.split("/")[0] for line in listed} == {"unistd_hello_task", "unistd_hello_task-0.1.0.dist-info"}

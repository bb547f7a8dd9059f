"""How long commands that need no torch take, with 0, 40 and 200 plug-ins installed.

A plug-in here is what most are: a distribution with its metadata, a module that declares a task, and its options.
Every command runs in a process of its own, side by side with ``python -c pass``, and with the import of the libraries
that reading a spec takes, below which no command about plug-ins can come. Targets are set beside the seconds of the
processor, which are those of the clock where nothing else runs; those of the clock are recorded as well.

Run:  python benchmarks/startup.py --json benchmarks/results/startup.json
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
from record import ratio, record, side_by_side

ROOT = Path(__file__).parents[1]
COUNTS = (0, 40, 200)
COMMANDS = {
    "--help": ["--help"],
    "validate": ["validate", str(ROOT / "examples" / "quickstart.yaml")],
    "plugins list": ["plugins", "list"],
}
# Seconds at the most, by command and number of plug-ins, on two cores.
TARGETS = {**{(name, 40): 0.3 for name in COMMANDS}, ("plugins list", 200): 1.0}
LIBRARIES = """\
import click, importlib.metadata, packaging.requirements, pluggy, ruamel.yaml
from pydantic import AfterValidator, BaseModel, Field, field_validator
"""
UNISTD = "import sys; from unistd.cli.main import main; code = main(); "
RUN = UNISTD + "sys.exit(code)"
SEE = UNISTD + "print(code, sorted({'torch', 'numpy'} & set(sys.modules)), file=sys.stderr)"

DECLARATION = """\
from unistd.registry.component import Component
from unistd.registry.hooks import hookimpl

from {module}.config import Options

PLUGIN_API = 1

@hookimpl
def unistd_components():
    return [Component(kind="task", name="{name}", config=Options, target="{module}.task:Rain", summary="Rain.")]
"""
OPTIONS = """\
from pathlib import Path
from typing import Literal

from unistd.registry.component import TaskConfig

class Options(TaskConfig):
    root: Path | None = None
    "Folder of the raw files."
    protocol: Literal["unistd", "other"] = "unistd"
    "Splits and windows."
    variables: tuple[str, ...] = ("rain",)
    "What is forecast."
"""


def install(count: int, folder: Path) -> Path:
    """Lay ``count`` plug-ins out in ``folder`` as pip would, and return it."""
    folder.mkdir()
    for number in range(count):
        module, name = f"unistd_demo_{number}", f"demo-{number}"
        (folder / module).mkdir()
        (folder / module / "__init__.py").write_text(DECLARATION.format(module=module, name=name))
        (folder / module / "config.py").write_text(OPTIONS)
        info = folder / f"{module}-1.0.dist-info"
        info.mkdir()
        metadata = f"Metadata-Version: 2.4\nName: unistd-{name}\nVersion: 1.0\nRequires-Dist: unistd>=0.1\n\n"
        (info / "METADATA").write_text(metadata + "What it is and how it is used.\n" * 100)
        (info / "entry_points.txt").write_text(f"[unistd]\n{name} = {module}\n")
    return folder


def call(code: str, words: list[str], site: Path) -> subprocess.CompletedProcess[str]:
    """Run a command of unistd with the plug-ins in ``site``."""
    paths = [str(site), *filter(None, [os.environ.get("PYTHONPATH")])]
    # An installation keeps its byte code, whatever is asked of the process that measures.
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environ["PYTHONPATH"] = os.pathsep.join(paths)
    return subprocess.run(
        [sys.executable, "-P", "-c", code, *words], env=environ, capture_output=True, text=True, check=True
    )


def measured(sites: Mapping[int, Path], repeats: int) -> list[dict[str, Any]]:
    """Time every command with every number of plug-ins; each must succeed, and says what it has imported."""
    bases = {"python -c pass": "pass", "libraries alone": LIBRARIES}
    runs: dict[str, Callable[[], object]] = {
        name: partial(subprocess.run, [sys.executable, "-P", "-c", code], check=True) for name, code in bases.items()
    }
    about: dict[str, dict[str, Any]] = {name: {"command": name} for name in bases}
    for count, site in sites.items():
        for name, words in COMMANDS.items():
            key = f"{name}, {count}"
            code, _, heavy = call(SEE, words, site).stderr.splitlines()[-1].partition(" ")
            if code != "0":
                raise click.ClickException(f"'unistd {name}' failed with {count} plug-ins")
            runs[key] = partial(call, RUN, words, site)
            about[key] = {"command": name, "plugins": count, "imports": heavy}
    spent: dict[str, list[float]] = {key: [] for key in runs}
    seconds = side_by_side({key: partial(_spending, run, spent[key]) for key, run in runs.items()}, repeats)
    spent = {key: own[-repeats:] for key, own in spent.items()}  # without those that did not count
    return [
        {
            **about[key],
            "median": round(statistics.median(spent[key]), 3),
            "÷ pass": round(ratio(spent, key, "python -c pass"), 1),
            "processor": [round(second, 3) for second in spent[key]],
            "seconds": [round(second, 3) for second in seconds[key]],
        }
        for key in runs
    ]


def _spending(run: Callable[[], object], spent: list[float]) -> None:
    """Run a process and note the seconds of the processor that it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def verdicts(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Set the medians beside the targets; what imports torch misses its own."""
    found = []
    for row in rows:
        if target := TARGETS.get((row["command"], row.get("plugins", 0))):
            met = row["median"] <= target and "torch" not in row["imports"]
            what = f"unistd {row['command']}, {row['plugins']} plug-ins"
            found.append({"what": what, "is": row["median"], "target": target, "met": met})
    return found


@click.command()
@click.option("--repeats", type=click.IntRange(min=3), default=9, show_default=True)
@click.option("--json", "path", type=click.Path(path_type=Path), help="Where the record is written.")
def main(repeats: int, path: Path | None) -> None:
    """Time the commands that need no torch, and print each beside ``python -c pass``."""
    with TemporaryDirectory() as folder:
        rows = measured({count: install(count, Path(folder) / str(count)) for count in COUNTS}, repeats)
    for row in rows:
        plugins = f"{row['plugins']} plug-ins, imports {row['imports']}" if "plugins" in row else ""
        clock = statistics.median(row["seconds"])
        click.echo(
            f"{row['command']:15} {row['median']:.3f} s of the processor, {row['÷ pass']:.1f} × python -c pass,"
            f" {clock:.3f} s of the clock  {plugins}"
        )
    found = verdicts(rows)
    for own in found:
        said = "met" if own["met"] else "missed"
        click.echo(f"{own['what']}: {own['is']:.3f} s, target {own['target']:.1f} s: {said}")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    record(rows, path, targets=found, peak_memory_mib=peak)


if __name__ == "__main__":
    main()

"""How long commands that need no torch take, with 0, 40 and 200 plug-ins installed.

A plug-in here is what a small one is: a distribution with its metadata, a module that declares a task, a metric and a
head, and a module of their options. Every command runs in a process of its own, side by side with ``python -c pass``.

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
UNISTD = "import sys; from unistd.cli.main import main; code = main(); "
RUN = UNISTD + "sys.exit(code)"
SEE = UNISTD + "print(code, sorted({'torch', 'numpy'} & set(sys.modules)), file=sys.stderr)"

DECLARATION = """\
from unistd.registry.component import Component
from unistd.registry.hooks import hookimpl

from {module}.config import HeadOptions, MetricOptions, TaskOptions

PLUGIN_API = 1

@hookimpl
def unistd_components():
    own = (("task", TaskOptions), ("metric", MetricOptions), ("head", HeadOptions))
    return [
        Component(kind=kind, name="{name}", config=config, target="{module}.parts:Part", summary="A part.")
        for kind, config in own
    ]
"""
OPTIONS = """\
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from unistd.registry.component import Config, TaskConfig

class TaskOptions(TaskConfig):
    root: Path | None = None
    "Folder of the raw files."
    protocol: Literal["unistd", "other"] = "unistd"
    "Splits and windows."
    variables: tuple[str, ...] = ("rain",)
    "What is forecast."

class MetricOptions(Config):
    threshold: Annotated[float, Field(gt=0)] = 1.0
    "From which value on it rains."

class HeadOptions(Config):
    width: Annotated[int, Field(ge=1)] = 8
    "Channels."
    stride: Annotated[int, Field(ge=1)] = 4
    "Pixels of a token's side."
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
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    return subprocess.run(
        [sys.executable, "-P", "-c", code, *words], env=environ, capture_output=True, text=True, check=True
    )


def measured(sites: Mapping[int, Path], repeats: int) -> list[dict[str, Any]]:
    """Time every command with every number of plug-ins; each must succeed, and says what it has imported."""
    base = partial(subprocess.run, [sys.executable, "-c", "pass"], check=True)
    runs: dict[str, Callable[[], object]] = {"python -c pass": base}
    about: dict[str, dict[str, Any]] = {"python -c pass": {"command": "python -c pass"}}
    for count, site in sites.items():
        for name, words in COMMANDS.items():
            key = f"{name}, {count}"
            code, _, heavy = call(SEE, words, site).stderr.splitlines()[-1].partition(" ")
            if code != "0":
                raise click.ClickException(f"'unistd {name}' failed with {count} plug-ins")
            runs[key] = partial(call, RUN, words, site)
            about[key] = {"command": name, "plugins": count, "imports": heavy}
    seconds = side_by_side(runs, repeats)
    return [
        {
            **about[key],
            "median": round(statistics.median(own), 3),
            "÷ pass": round(ratio(seconds, key, "python -c pass"), 1),
            "seconds": [round(second, 3) for second in own],
        }
        for key, own in seconds.items()
    ]


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
        click.echo(f"{row['command']:15} {row['median']:.3f} s  {row['÷ pass']:5.1f} × python -c pass  {plugins}")
    found = verdicts(rows)
    for own in found:
        said = "met" if own["met"] else "missed"
        click.echo(f"{own['what']}: {own['is']:.3f} s, target {own['target']:.1f} s: {said}")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    record(rows, path, targets=found, peak_memory_mib=peak)


if __name__ == "__main__":
    main()

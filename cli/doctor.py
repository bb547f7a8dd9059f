"""``unistd doctor``: is this environment fit for a run."""

from __future__ import annotations

import json
import os
import platform
import shutil
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import click
from packaging.requirements import Requirement

from unistd import __version__
from unistd.cli.options import as_json
from unistd.cli.table import table
from unistd.core.data.memory import available_memory
from unistd.registry.errors import PluginError
from unistd.registry.registry import Registry, satisfied

GIB = 2**30


@dataclass
class Diagnosis:
    """What was found, and every problem with its fix."""

    facts: dict[str, str] = field(default_factory=dict)
    problems: list[tuple[str, str]] = field(default_factory=list)


@click.command(epilog="Example: unistd doctor --json")
@as_json
@click.pass_context
def doctor(ctx: click.Context, *, as_json: bool) -> None:
    """Check versions, device, plug-ins and free space; leave with 3 if there is a problem."""
    found = Diagnosis({"python": platform.python_version(), "unistd": __version__})
    check_versions(found)
    check_device(found)
    check_plugins(found, Registry.discover())
    check_space(found)
    if as_json:
        problems = [{"problem": problem, "help": fix} for problem, fix in found.problems]
        click.echo(json.dumps({"facts": found.facts, "problems": problems}, indent=2))
    else:
        click.echo(table(("what", "found"), list(found.facts.items())))
        for problem, fix in found.problems:
            click.echo(f"\n{problem}\n  help: {fix}", err=True)
    ctx.exit(PluginError.exit_code if found.problems else 0)


def check_versions(found: Diagnosis) -> None:
    """Compare what unistd requires with what is installed."""
    for text in requires("unistd") or ():
        requirement = Requirement(text)
        if requirement.marker is not None:  # an extra, which nobody has to have
            continue
        try:
            found.facts[requirement.name] = version(requirement.name)
        except PackageNotFoundError:
            found.facts[requirement.name] = "missing"
        if not satisfied(requirement):
            wanted = f"{requirement.name}{requirement.specifier}"
            problem = f"unistd needs '{wanted}', found '{found.facts[requirement.name]}'"
            found.problems.append((problem, f"pip install '{wanted}'"))


def check_device(found: Diagnosis) -> None:
    """Import torch and torchvision, which breaks where they were built for different versions, and look for a GPU."""
    try:
        import torch
    except Exception as error:
        found.problems.append((f"torch cannot be imported: {error}", "pip install --force-reinstall torch torchvision"))
        return
    try:
        import torchvision  # type: ignore[import-untyped]  # noqa: F401
    except ModuleNotFoundError:
        found.problems.append(("torchvision is missing; timm and open_clip import it", "pip install torchvision"))
    except Exception as error:
        builds = f"torchvision {_version('torchvision')} does not fit torch {torch.__version__}: {error}"
        fix = "pip install --force-reinstall torch torchvision, both from one --index-url"
        found.problems.append((builds, fix))
    found.facts["cuda build"] = torch.version.cuda or "none"
    found.facts["device"] = f"cpu, {torch.get_num_threads()} threads"
    if torch.cuda.is_available():
        cards = [torch.cuda.get_device_properties(index) for index in range(torch.cuda.device_count())]
        found.facts["device"] = ", ".join(f"{card.name} {card.total_memory / GIB:.0f} GiB" for card in cards)
    elif shutil.which("nvidia-smi"):
        why = f"torch was built for CUDA {torch.version.cuda}" if torch.version.cuda else "torch was built for the CPU"
        fix = "install the torch build for this driver: https://pytorch.org/get-started/locally"
        found.problems.append((f"an NVIDIA driver is installed, but torch sees no GPU: {why}", fix))


def check_plugins(found: Diagnosis, registry: Registry) -> None:
    """Tell of every plug-in that failed and every name that is not unique."""
    failed = sum(not failure.usable for failure in registry.failures)
    found.facts["plug-ins"] = f"{len(registry.plugins)} loaded, {failed} failed"
    for failure in registry.failures:
        found.problems.append((f"{failure.where}: {failure.message}", failure.help or "unistd plugins list --verbose"))
    for (kind, name), offers in registry.clashes().items():
        problem = f"{kind} name '{name}' is offered by {len(offers)} plug-ins"
        found.problems.append((problem, f"write {' or '.join(offers)}"))


def check_space(found: Diagnosis) -> None:
    """Look at the free disk space here and the free memory."""
    found.facts["free disk"] = f"{shutil.disk_usage(Path.cwd()).free / GIB:.0f} GiB"
    found.facts["free memory"] = f"{available_memory() / GIB:.0f} GiB"
    found.facts["cpu cores"] = str(os.cpu_count())


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"

"""Fixtures of several areas: a small registry, a spec that fits it, and plug-ins that are really discovered."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from textwrap import dedent
from types import SimpleNamespace
from typing import Annotated

import pytest
from pydantic import Field

from unistd.registry.component import Component, Config, TaskConfig
from unistd.registry.registry import Registry


class Empty(Config):
    """No options."""


class Rank(Config):
    first: Annotated[float, Field(gt=0)] = 4.5
    """Rank at the start."""


class Moe(Config):
    rank: Rank = Rank()
    """Ranks of the experts."""
    experts: dict[str, int] = Field(default={"q": 6})
    """Experts by role."""


class Vit(Config):
    variant: str
    """Which trunk."""
    freeze: bool | str = True
    """Keep the weights."""


class Conv(Config):
    width: Annotated[int, Field(ge=1)] = 8
    """Channels."""


class Rain(TaskConfig):
    root: Path | None = None
    """Folder of the raw files."""


OPTIONS = {
    ("backbone", "vit"): Vit,
    ("adapter", "ra-moe"): Moe,
    ("adapter", "none"): Empty,
    ("router", "softmax"): Empty,
    ("temporal", "zero-mlp"): Empty,
    ("temporal", "none"): Empty,
    ("head", "conv"): Conv,
    ("metric", "mse"): Empty,
    ("metric", "mae"): Empty,
    ("metric", "rmse"): Empty,
    ("task", "rain"): Rain,
}


@pytest.fixture
def registry():
    """A component of every kind; each builds a ``SimpleNamespace`` of its options."""
    return Registry.of(
        *(
            Component(kind=kind, name=name, config=config, target="types:SimpleNamespace", summary=f"A {kind}.")
            for (kind, name), config in OPTIONS.items()
        )
    )


@pytest.fixture
def spec_file(tmp_path):
    """Write a spec that fits ``registry``, or the text given, and return its path."""

    def write(text=SPEC):
        path = tmp_path / "run.yaml"
        path.write_text(dedent(text), encoding="utf-8")
        return path

    return write


SPEC = """\
name: two rains
model:
  backbone: {kind: vit, variant: tiny}
  adapter: {kind: ra-moe, rank: {first: 2}}
tasks:
  north:
    kind: rain
    root: data/north
    window: {past: 4, future: 2}
    metrics: [mae, {kind: rmse}]
  south: rain
training: {optimizer: {kind: adamw, lr: 1e-4}}
output: runs/rain
"""

PLUGIN = """\
from unistd.registry.component import Component, Config
from unistd.registry.hooks import hookimpl

PLUGIN_API = 1

class Options(Config):
    "Options."

@hookimpl
def unistd_components():
    return [Component(kind="metric", name="skill", config=Options, target="types:SimpleNamespace", summary="Skill.")]
"""


@pytest.fixture
def installed_plugin(tmp_path, monkeypatch):
    """Install a module as a plug-in of a distribution: a real ``dist-info`` on ``sys.path``, no pip."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(site)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH")])))
    before = set(sys.modules)

    def install(dist, source=PLUGIN, *, name="plug", version="1.0", requires=(), module=None):
        module = module or dist.replace("-", "_")
        (site / f"{module}.py").write_text(source, encoding="utf-8")
        info = site / f"{dist.replace('-', '_')}-{version}.dist-info"
        info.mkdir(exist_ok=True)
        lines = ["Metadata-Version: 2.1", f"Name: {dist}", f"Version: {version}"]
        lines += [f"Requires-Dist: {requirement}" for requirement in requires]
        (info / "METADATA").write_text("\n".join(lines) + "\n", encoding="utf-8")
        points = info / "entry_points.txt"
        text = points.read_text(encoding="utf-8") if points.exists() else "[unistd]\n"
        points.write_text(f"{text}{name} = {module}\n", encoding="utf-8")
        importlib.invalidate_caches()
        return SimpleNamespace(module=module, path=site / f"{module}.py")

    yield install
    for module in set(sys.modules) - before:
        if Path(getattr(sys.modules[module], "__file__", None) or "").parent == site:
            del sys.modules[module]


@pytest.fixture
def plugin_source():
    """The source of a plug-in that declares the metric ``skill``."""
    return PLUGIN


@pytest.fixture
def spec_text():
    """The text of a spec that fits ``registry``."""
    return SPEC

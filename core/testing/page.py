"""The page of the contracts, made of the abstract classes and of the tests that ask them."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from importlib import import_module

from unistd.core.adapter import Adapter, Site
from unistd.core.backbone import Backbone
from unistd.core.head import Encoded, TaskHead
from unistd.core.markdown import page, prose, table
from unistd.core.metric import Metric, MetricIdentity, Score
from unistd.core.rank_plan import RankPlan
from unistd.core.ranked import RankedAdapter
from unistd.core.router import Router
from unistd.core.task import Channel, Cycle, FrameSequence, Protocol, Task, TaskCard, Window
from unistd.core.temporal import TemporalModule

KINDS: dict[str, tuple[type, ...]] = {
    "backbone": (Backbone,),
    "adapter": (Adapter, RankedAdapter),
    "router": (Router,),
    "temporal": (TemporalModule,),
    "head": (TaskHead,),
    "task": (Task,),
    "metric": (Metric,),
}
"""The classes of each kind of component; the first is the contract, the others add to it."""
DATA: tuple[type, ...] = (
    Site, RankPlan, Encoded, TaskCard, FrameSequence, Channel, Window, Cycle, Protocol, MetricIdentity, Score,
)  # fmt: skip
"""What contracts take and return."""

INTRO = """\
Made from the code by `make docs-pages`; a test compares.

A component is a class that keeps one of these contracts: what it has to define, and what holds of it. All of it is
importable from `unistd.core`, without registry or spec. Shapes: `B` batch, `T` input frames, `T'` forecast frames,
`C` channels, `H W` grid, `h w` token grid, `N = h·w` tokens, `D` trunk width, `E` experts.

`unistd.core.testing` asks all that is listed under "must hold" as pytest tests: subclass the class named there and
write `make()`. What an observer may do is said by the [hooks](hooks.md).
"""


def contracts_page() -> str:
    """Return the page."""
    parts = ["# Contracts", INTRO]
    for kind, classes in KINDS.items():
        parts.append(f"## {kind}")
        for own in classes:
            parts += [f"### {own.__name__}", *_duties(own)]
        parts += list(_tests(kind))
    parts += ["## What they take and return", *(text for own in DATA for text in _data(own))]
    return page(*parts)


def duties(own: type) -> dict[str, str]:
    """Return the documentation of each method and property that a subclass of ``own`` has to define."""
    names = sorted(getattr(own, "__abstractmethods__", ()), key=lambda name: name not in vars(own))
    order = list(vars(own))
    names.sort(key=lambda name: order.index(name) if name in order else len(order))
    return {name: inspect.getdoc(inspect.getattr_static(own, name)) or "" for name in names}


def contract_tests(kind: str) -> dict[str, str]:
    """Return what each contract test of ``kind`` says it asks."""
    contract = getattr(import_module(f"unistd.core.testing.{kind}"), f"{kind.capitalize()}Contract")
    tests = [(name, test) for name, test in vars(contract).items() if name.startswith("test_")]
    return {name: inspect.getdoc(test) or "" for name, test in tests}


def _duties(own: type) -> Iterator[str]:
    yield _text(own)
    rows = [(f"`{_head(own, name)}`", _said(text)) for name, text in duties(own).items() if name in vars(own)]
    if rows:
        yield table(("has to define", ""), rows)


def _tests(kind: str) -> Iterator[str]:
    rows = [(name.removeprefix("test_").replace("_", " "), prose(text)) for name, text in contract_tests(kind).items()]
    yield f"Must hold, asked by `{kind.capitalize()}Contract`:"
    yield table(("", "asked of it"), rows)


def _data(own: type) -> Iterator[str]:
    yield f"### {own.__name__}"
    yield _text(own)


def _text(own: type) -> str:
    """Return a class's documentation, its ``Attributes`` as a list."""
    lead, _, rest = (inspect.getdoc(own) or "").partition("\n\nAttributes:\n")
    paragraphs = [prose(part) for part in lead.split("\n\n")]
    items: list[str] = []
    for line in rest.splitlines():
        if line[4:5].strip():
            name, _, said = line.strip().partition(": ")
            items.append(f"* `{name.replace(', ', '`, `')}`: {said}")
        elif line.strip():
            items[-1] += " " + line.strip()
    return "\n\n".join([*paragraphs, "\n".join(items).replace("``", "`")]).strip()


def _head(own: type, name: str) -> str:
    method = inspect.getattr_static(own, name)
    if isinstance(method, property):
        return name
    parameters = [str(each).replace("'", "") for each in inspect.signature(method).parameters.values()]
    return f"{name}({', '.join(parameters[1:])})"


def _said(text: str) -> str:
    lead, _, raises = text.partition("\n\nRaises:\n")
    return prose(f"{lead} Raises {raises.strip()}" if raises else lead)

"""The page of every component that comes with unistd, made of their declarations."""

from __future__ import annotations

from collections.abc import Iterable

from unistd.core.markdown import page, table
from unistd.registry.component import KINDS, Component, Kind
from unistd.registry.field_rows import field_rows
from unistd.registry.registry import Registry
from unistd.registry.spec_page import MADE, key_table

INTRO = f"""\
{MADE}

What is installed on your machine, plug-ins of others included: `unistd plugins list`, and
`unistd plugins show ra-moe` for the options of one.

A spec names a component by `kind:` beside its options, or by its bare name where no option has to be given. What a
component of each kind has to hold: [Contracts](contracts.md).
"""
PLACES: dict[Kind, str] = {
    "backbone": "`model.backbone`: the shared trunk.",
    "adapter": "`model.adapter`: what learns beside the trunk's linear maps.",
    "router": "`model.router`: how an adapter's experts are weighted for a token.",
    "temporal": "`model.temporal`: what mixes time after each block's self-attention.",
    "head": "`tasks.NAME.head`: a task's way into the trunk and out of it.",
    "task": "`tasks.NAME`: where frames come from. Every task takes the [keys of tasks](run-spec.md#tasks) besides "
    "its own.",
    "metric": "`tasks.NAME.metrics`: scores of the forecast. Numbers, options and whose number each equals: "
    "[Metrics](../metrics.md).",
    "observer": "`observers`: who watches a run. What one may see: [Hooks](hooks.md).",
}
OWN_PAGE = {"grid": "../import.md"}
"""Tasks that have no card of their own."""


def components_page(registry: Registry) -> str:
    """Return the page of what ``registry`` holds."""
    parts = ["# Components", INTRO]
    for kind in KINDS:
        components = [registry.find(kind, name) for name in registry.names(kind)]
        parts += [f"## {kind}", PLACES[kind], _listing(kind, components)]
        if kind not in ("task", "metric"):
            parts += [text for component in components for text in _options(component)]
    return page(*parts)


def _listing(kind: Kind, components: Iterable[Component]) -> str:
    rows = [(_name(kind, own), own.summary, ", ".join(f"`{text}`" for text in own.requires)) for own in components]
    return table(("name", "what it is", "needs"), rows)


def _name(kind: Kind, component: Component) -> str:
    if kind == "task":
        return f"[`{component.name}`]({OWN_PAGE.get(component.name, f'../tasks/{component.name}.md')})"
    return f"`{component.name}`" if kind == "metric" else f"[`{component.name}`](#{kind}-{component.name})"


def _options(component: Component) -> list[str]:
    rows = field_rows(component.config)
    return [f"### {component.kind} {component.name}", key_table(rows) if rows else "No options."]

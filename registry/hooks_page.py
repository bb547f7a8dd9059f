"""The page of hooks and of what they return, made of the code."""

from __future__ import annotations

import inspect
import re
from dataclasses import fields

from unistd.core.markdown import page, prose, table
from unistd.registry.component import KINDS, PLUGIN_API, Component, Config, TaskConfig
from unistd.registry.hooks import Hooks, SpecIssue
from unistd.registry.spec_page import MADE

INTRO = f"""\
{MADE}

A plug-in is a module with `PLUGIN_API = {PLUGIN_API}` and at least one hook, named by an entry point in the group
`unistd`. How to write one: [Write a plug-in](../plugin.md); what hooks are for, who uses which, and what becomes of
their errors: [Hooks](../hooks.md).
"""


def hooks_page() -> str:
    """Return the page."""
    hooks = [(name, hook) for name, hook in vars(Hooks).items() if not name.startswith("_")]
    parts = ["# Hooks and declarations", INTRO]
    for name, hook in hooks:
        said = map(prose, (inspect.getdoc(hook) or "").split("\n\n"))
        parts += [f"## {name}", f"```python\n@hookimpl\n{_head(name, hook)}\n```", *said]
    kinds = ", ".join(f"`{kind}`" for kind in KINDS)
    parts += [
        "## SpecIssue",
        prose(_lead(SpecIssue)),
        "## Component",
        prose(_lead(Component)),
        f"Kinds: {kinds}.",
        _component(),
        _base(Config),
        _base(TaskConfig),
    ]
    return page(*parts)


def attributes(text: str) -> dict[str, str]:
    """Return what the section ``Attributes`` of a docstring says of each name."""
    section = re.search(r"^Attributes:\n((?:[ ]{4,}.*(?:\n|$)|\n)+)", text, flags=re.MULTILINE)
    found = re.findall(
        r"^ {4}(\w[\w, ]*): ((?:.|\n(?! {4}\w))*)", section.group(1) if section else "", flags=re.MULTILINE
    )
    return {name: prose(said) for names, said in found for name in names.split(", ")}


def _lead(own: type) -> str:
    return (inspect.getdoc(own) or "").partition("\n\nAttributes:")[0]


def _head(name: str, hook: object) -> str:
    signature = inspect.signature(hook)  # type: ignore[arg-type]
    kept = [parameter for parameter in signature.parameters.values() if parameter.name != "self"]
    return f"def {name}{signature.replace(parameters=kept)}: ...".replace("'", "")


def _component() -> str:
    said = attributes(inspect.getdoc(Component) or "")
    rows = [(f"`{own.name}`", f"`{own.type}`", said.get(own.name, "")) for own in fields(Component)]
    return table(("field", "type", "what it is"), rows)


def _base(own: type) -> str:
    return f"`{own.__name__}`: {prose(_lead(own))}"

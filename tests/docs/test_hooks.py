"""The guide leads to the page of every hook, says nothing twice, and names the users that each has."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from unistd.registry.hooks import Hooks
from unistd.registry.implementer import Implementer
from unistd.registry.registry import Registry

DOCS = Path(__file__).parents[2] / "docs"
PAGE, REFERENCE = (DOCS / "hooks.md").read_text(), (DOCS / "reference" / "hooks.md").read_text()
HOOKS = [name for name in vars(Hooks) if name.startswith("unistd_")]


def users_named(name):
    """What the guide's table says of a hook, after the link to its section of the reference."""
    (found,) = re.findall(rf"^\| [^|]+ \| \[`{name}`\]\(reference/hooks\.md#{name}\) \| (.*) \|$", PAGE, re.MULTILINE)
    return found


@pytest.mark.parametrize("name", HOOKS)
def test_what_a_hook_is_given_is_said_in_one_place(name):
    assert users_named(name)
    for paragraph in inspect.getdoc(getattr(Hooks, name)).split("\n\n"):
        said = " ".join(paragraph.replace("``", "`").split())
        assert said in REFERENCE
        assert said not in " ".join(PAGE.split())


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_has_two_users_of_ours_or_more(name):
    registry = Registry.discover({"UNISTD_PLUGINS": ""})
    users = {info.plugin.name for info in registry.plugins if name in Implementer.of_plugin(info).names}
    for component in (own for info in registry.plugins for own in info.components if own.kind == "observer"):
        if not component.requires and hasattr(registry.load(component), name):
            users.add(component.name)
    assert len(users) >= 2
    named = set(re.findall(r"`([a-z-]+)`", users_named(name)))
    assert named - {"tensorboard"} == (set() if name == "unistd_components" else users)


def test_the_example_is_a_plug_in(installed_plugin, monkeypatch, capsys):
    (code,) = re.findall(r"^```python\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
    installed_plugin("unistd-page", code)
    (info,) = [own for own in Registry.discover().plugins if own.plugin.dist == "unistd-page"]
    rows = [{"event": "train"}, {"event": "validation", "score": 0.5}]
    Implementer.of_plugin(info).call("unistd_step_finished", run=None, step=3, task="city", rows=rows)
    assert capsys.readouterr().out == "step 3: validation error ÷ persistence 0.500\n"

"""Every hook is documented with the signature it has, and has the users it names."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from unistd.registry.hooks import Hooks
from unistd.registry.implementer import Implementer
from unistd.registry.registry import Registry

PAGE = (Path(__file__).parents[2] / "docs" / "hooks.md").read_text()
HOOKS = [name for name in vars(Hooks) if name.startswith("unistd_")]


def section(name):
    (found,) = re.findall(rf"^### `{name}\((.*?)\)`\n(.*?)(?=^###|\Z)", PAGE, flags=re.MULTILINE | re.DOTALL)
    return found


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_has_a_heading_with_its_signature_and_its_sentence(name):
    arguments, text = section(name)
    hook = getattr(Hooks, name)
    assert arguments.split(", ") == list(inspect.signature(hook).parameters)[1:] or arguments == ""
    assert len(arguments.split(", ")) == max(1, len(inspect.signature(hook).parameters) - 1)
    sentence = " ".join(inspect.getdoc(hook).replace("``", "`").split()).rstrip(".")
    assert " ".join(text.split()).startswith(sentence)


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_has_two_users_of_ours_or_more(name):
    registry = Registry.discover({"UNISTD_PLUGINS": ""})
    users = {info.plugin.name for info in registry.plugins if name in Implementer.of_plugin(info).names}
    for component in (own for info in registry.plugins for own in info.components if own.kind == "observer"):
        if not component.requires and hasattr(registry.load(component), name):
            users.add(component.name)
    assert len(users) >= 2
    named = set(re.findall(r"`([a-z-]+)`", section(name)[1].partition("Used by")[2]))
    assert named - {"tensorboard"} == (set() if name == "unistd_components" else users)


def test_the_example_is_a_plug_in(installed_plugin, monkeypatch, capsys):
    (code,) = re.findall(r"^```python\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
    installed_plugin("unistd-page", code)
    (info,) = [own for own in Registry.discover().plugins if own.plugin.dist == "unistd-page"]
    rows = [{"event": "train"}, {"event": "validation", "score": 0.5}]
    Implementer.of_plugin(info).call("unistd_step_finished", run=None, step=3, task="city", rows=rows)
    assert capsys.readouterr().out == "step 3: validation error ÷ persistence 0.500\n"

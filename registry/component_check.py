"""A component built as small as its defaults allow, and asked what the contract of its kind asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

from torch import nn

from unistd.core import testing
from unistd.core.errors import DataError, UsageError
from unistd.core.model import count_parameters
from unistd.core.task import Task
from unistd.core.testing import adapter, head, metric, router, temporal
from unistd.core.testing.run import ask
from unistd.registry.component import Component, Config, Kind
from unistd.registry.discovery import Plugin
from unistd.registry.errors import HookError, MissingRequirement, PluginError
from unistd.registry.frames import own_frame
from unistd.registry.implementer import Implementer
from unistd.registry.registry import Registry

LARGEST = 5_000_000
"""Parameters of a module whose contract is asked in seconds."""

SIZES: Mapping[Kind, tuple[tuple[Any, ...], Mapping[str, Any]]] = {
    "adapter": ((adapter.SITES,), {}),
    "backbone": ((), {}),
    "head": (
        (),
        {
            "past": head.PAST,
            "future": head.FUTURE,
            "channels_in": head.CHANNELS,
            "channels_out": head.CHANNELS,
            "trunk_width": head.WIDTH,
        },
    ),
    "metric": ((), {"leads": metric.LEADS}),
    "observer": ((), {}),
    "router": ((router.WIDTH, router.EXPERTS), {}),
    "task": ((), {}),
    "temporal": ((temporal.WIDTH,), {}),
}
"""What ``make`` of each kind's contract is called with."""


@dataclass
class Checked:
    """What became of a component: how far the check came, in words and whether to the end, and what is wrong."""

    component: Component
    came: str = ""
    whole: bool = False
    problems: list[PluginError] = field(default_factory=list)

    def add(self, message: str, error: Exception, help: str) -> None:
        """Take down what is wrong, with the line of the component's own code it comes from."""
        module = self.component.target.partition(":")[0]
        who = f"{self.component.kind} '{self.component.name}'"
        self.problems.append(PluginError(f"{who} {message}", where=own_frame(error, module), help=help))


def check_component(component: Component, qualified: str, registry: Registry) -> Checked:
    """Import ``component``, found as ``qualified``, build it with its defaults and ask its contract.

    A ``UsageError`` says that the component does not take what it is given; that is told, and is no problem. Nor is a
    package that only this component requires: whoever asks for it is told what to install.
    """
    checked = Checked(component)
    try:
        registry.load(component)
    except MissingRequirement as error:
        checked.came = f"not imported, for it needs {error.help.removeprefix('pip install ')}, which is not installed"
        return checked
    except PluginError as error:
        checked.came = "not imported"
        checked.problems.append(error)
        return checked
    required = [name for name, option in component.config.model_fields.items() if option.is_required()]
    if required:
        checked.came = f"imported; not built, for its option '{required[0]}' must be given"
        return checked
    args, options = SIZES[component.kind]
    try:
        make = _maker(component, qualified, registry)
        made = make(*args, **options)
        why_not = _unasked(made)
    except UsageError as error:
        checked.came = f"imported; not built, for it refuses the tiny sizes: {error.message}"
    except Exception as error:
        checked.came = "imported; not built"
        text = f"cannot be built with its defaults: {type(error).__name__}: {error}"
        checked.add(text, error, f"unistd plugins show {qualified} names them")
    else:
        checked.came = f"built; its contract is not asked, for {why_not}" if why_not else _asked(checked, made, make)
    return checked


def _maker(component: Component, qualified: str, registry: Registry) -> Callable[..., Any]:
    """Return what ``make`` of the contract of this kind is to call."""
    chosen = registry.choose(component.kind, qualified)
    bound = component.options(cast(Config, chosen.config).without_download())
    if component.kind == "adapter":
        bound["router"] = registry.factory("router", registry.choose("router", "unistd/softmax"))
    if component.kind == "metric":
        bound |= {"unit": "1", "value_range": (0.0, 1.0)}
    return partial(registry.load(component), **bound)


def _unasked(made: Any) -> str:
    """Say why the contract cannot be asked of what was made, if so."""
    if isinstance(made, Task):
        try:
            generated = made.folder() is None
        except DataError:
            generated = False
        return "" if generated else "it reads raw files; its own tests can write small ones"
    if isinstance(made, nn.Module) and (count := count_parameters(made)[0]) > LARGEST:
        return f"it has {count / 1e6:.0f} million parameters; its own tests can make it smaller"
    return "it adapts nothing here" if isinstance(made, Mapping) and not made else ""


def _asked(checked: Checked, made: Any, make: Callable[..., Any]) -> str:
    if checked.component.kind == "observer":
        return _hooks(checked, made)
    name = f"{checked.component.kind.capitalize()}Contract"
    own = type(name, (getattr(testing, name),), {"make": lambda _, *args, **options: make(*args, **options)})()
    count, refused = 0, ""
    for check, error in ask(own):
        if isinstance(error, UsageError):
            refused = refused or f"; it refuses what {check} gives it: {error.message}"
            continue
        count += 1
        if error is not None:
            text = str(error) if isinstance(error, AssertionError) else f"{type(error).__name__}: {error}"
            checked.add(f"fails {check} of {name}: {text}", error, f"unistd.core.testing.{name} says what is asked")
    checked.whole = not refused
    return f"built; {count} checks of {name}{refused}"


def _hooks(checked: Checked, observer: object) -> str:
    try:
        own = Implementer.of_observer(Plugin(checked.component.name, "", ""), observer)
    except HookError as error:
        checked.problems.append(error)
        return "built; not called"
    checked.whole = True
    return f"built; implements {', '.join(own.names)}"

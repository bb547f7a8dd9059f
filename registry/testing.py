"""What every plug-in must hold, as a test its author subclasses beside those of ``unistd.core.testing``."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
from abc import ABC
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from packaging.requirements import Requirement

from unistd.core.errors import UnistdError
from unistd.core.field_docs import field_docs
from unistd.registry.component import Component, Config
from unistd.registry.discovery import Plugin, PluginInfo, installed, load_module
from unistd.registry.errors import HookError
from unistd.registry.implementer import Implementer
from unistd.registry.registry import Registry, satisfied

HEAVY = ("torch", "timm", "open_clip", "numpy", "scipy", "xarray", "zarr", "dask", "h5py", "matplotlib", "torchmetrics")
"""Modules whose import takes so long that ``unistd --help`` would be felt."""

DECLARE = """\
import json, sys
from unistd.registry.discovery import load_module
before = set(sys.modules)
load_module(sys.argv[1])
print(json.dumps(sorted(set(sys.modules) - before)))
"""


class PluginContract(ABC):
    """Subclass it as ``class TestMine(PluginContract)`` and name the ``module``.

    Attributes:
        module: What the entry point names, such as ``unistd_rain``.
        options: Options to try those components with that have no defaults, by kind and name:
            ``{"metric rain-area": {"threshold": 0.5}}``.
    """

    module: ClassVar[str]
    options: ClassVar[Mapping[str, Mapping[str, Any]]] = {}

    def _loaded(self) -> PluginInfo:
        found = load_module(self.module)
        assert isinstance(found, PluginInfo), f"{found.where}: {found.reason}{found.help and f'; {found.help}'}"
        return found

    def _registry(self) -> Registry:
        """Return what is installed with the plug-in, whether that is installed or not."""
        own = self._loaded()
        others = [info for info in Registry.discover().plugins if info.components != own.components]
        return Registry((*others, own))

    def _configs(self, registry: Registry) -> Iterator[tuple[str, Component, Config]]:
        """Give every component that has defaults or ``options`` with its config."""
        for own in self._loaded().components:
            options = self.options.get(f"{own.kind} {own.name}")
            if own.has_defaults or options is not None:
                config = own.config.model_validate(options or {}, context={"registry": registry})
                yield _who(own), own, config

    def test_it_is_declared(self) -> None:
        """Import, be of this plug-in API, implement a hook; what components it declares are well formed."""
        own = self._loaded()
        hooks = found.names if (found := Implementer.of_plugin(own)) else ()
        assert own.components or hooks != ("unistd_components",), (
            f"'{self.module}' declares no component, and implements no other hook"
        )

    def test_an_entry_point_names_it(self) -> None:
        """Be found by unistd."""
        values = [entry.value for _, entry in installed({})]
        assert self.module in values, (
            f"no entry point of the group 'unistd' names '{self.module}'; is the package installed (pip install -e .)?"
        )

    def test_declaring_imports_nothing_heavy(self) -> None:
        """Declare without torch, numpy and their like, which would slow every command down."""
        environ = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        command = [sys.executable, "-c", DECLARE, self.module]
        done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"'{self.module}' ends the interpreter that imports it:\n{done.stderr}"
        heavy = set(HEAVY) & set(json.loads(done.stdout.splitlines()[-1]))
        assert not heavy, (
            f"declaring imports {', '.join(sorted(heavy))}: leave that to the module of the target, which is imported "
            "when the component is built"
        )

    def test_every_component_has_options_to_try(self) -> None:
        """Have defaults, or ``options`` in this test."""
        for own in self._loaded().components:
            required = [name for name, field in own.config.model_fields.items() if field.is_required()]
            assert not required or f"{own.kind} {own.name}" in self.options, (
                f"{_who(own)} needs '{required[0]}': give it in 'options' of this test"
            )

    def test_config_to_json_and_back(self) -> None:
        """Keep every option when a run's spec is written down and read again."""
        registry = self._registry()
        for who, own, config in self._configs(registry):
            written = json.dumps(config.model_dump(mode="json"))
            again = own.config.model_validate(json.loads(written), context={"registry": registry})
            changed = [name for name in own.config.model_fields if getattr(again, name) != getattr(config, name)]
            assert not changed, f"option '{changed[0]}' of {who} is another after JSON: {written}"

    def test_options_are_documented(self) -> None:
        """Have a schema, and a sentence for every option."""
        for own in self._loaded().components:
            who = _who(own)
            try:
                own.config.model_json_schema()
            except Exception as error:
                raise AssertionError(f"the options of {who} have no JSON Schema: {error}") from error
            silent = sorted(set(own.config.model_fields) - set(field_docs(own.config)))
            assert not silent, f"option '{silent[0]}' of {who} has no documentation: write a string below it"

    def test_targets_resolve(self) -> None:
        """Have what they require, and be importable and callable."""
        own = self._loaded()
        for component in own.components:
            target = _target(Registry((own,)), component)
            assert callable(target), f"target '{component.target}' of {_who(component)} cannot be called"

    def test_options_are_what_targets_take(self) -> None:
        """Give each option to a keyword of the target; one that lacks what it requires fails above."""
        registry = self._registry()
        for who, own, config in self._configs(registry):
            if not all(satisfied(Requirement(text)) for text in own.requires):
                continue
            parameters = inspect.signature(_target(registry, own)).parameters
            if any(each.kind is each.VAR_KEYWORD for each in parameters.values()):
                continue
            unknown = [name for name in own.options(config) if name not in parameters]
            assert not unknown, f"option '{unknown[0]}' of {who} is no keyword of its target '{own.target}'"

    def test_observers_implement_hooks(self) -> None:
        """Build observers, and know the hooks that their methods implement."""
        registry = self._registry()
        for _, own, config in self._configs(registry):
            if own.kind == "observer" and all(satisfied(Requirement(text)) for text in own.requires):
                made = _target(registry, own)(**own.options(config))
                try:
                    Implementer.of_observer(Plugin(own.name, "local", "0"), made)
                except HookError as error:
                    raise AssertionError(str(error)) from error


def _target(registry: Registry, own: Component) -> Any:
    try:
        return registry.load(own)
    except UnistdError as error:
        raise AssertionError(str(error)) from error


def _who(own: Component) -> str:
    return f"{own.kind} '{own.name}'"

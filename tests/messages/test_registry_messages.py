"""The whole text of every error of the registry, as a user reads it."""

from pathlib import Path

import pytest

from unistd.core.errors import UnistdError
from unistd.registry import errors, issues
from unistd.registry.component import Component, Config
from unistd.registry.errors import (
    AmbiguousComponent,
    ComponentImportError,
    HookError,
    MissingPlugin,
    MissingRequirement,
    PluginError,
    UnknownComponent,
)
from unistd.registry.implementer import Implementer
from unistd.registry.issues import SpecError
from unistd.registry.registry import Registry
from unistd.registry.spec import load_spec


class Options(Config):
    """Options."""


def broken(install):
    install(
        "unistd-h36m",
        "import os\nimport h5py_missing\n",
        name="human-motion",
        version="0.2.1",
        requires=["h5py-missing>=3.8"],
    )
    return Registry.discover({"UNISTD_PLUGINS": "unistd-h36m"})


def shared(install):
    install("unistd-a", version="1.0")
    install("unistd-b", version="0.3")
    return Registry.discover({"UNISTD_PLUGINS": "unistd-a,unistd-b"})


def needing(**changes):
    base = {"kind": "task", "name": "rain", "config": Options, "target": "unistd_rain.task:Rain", "summary": "Rain."}
    return Component(**{**base, **changes})


WATCH = """\
from unistd.registry.hooks import hookimpl
PLUGIN_API = 1
@hookimpl
def unistd_run_started(step):
    raise OSError(f"no connection at step {step}")
"""


def unknown(registry, install, spec):
    broken(install).find("task", "human-motion")


def nearest(registry, install, spec):
    registry.find("temporal", "zero-mlpp")


def ambiguous(registry, install, spec):
    shared(install).find("metric", "skill")


def not_installed(registry, install, spec):
    load_spec(spec("name: a\nplugins:\n  require: ['unistd-rain>=0.2']\n"), registry)


def too_old(registry, install, spec):
    install("unistd-rain", version="0.1")
    load_spec(spec("plugins: {require: ['unistd-rain>=0.2']}\n"), registry)


def required_but_broken(registry, install, spec):
    load_spec(spec("plugins: {require: [unistd-h36m]}\n"), broken(install))


def requirement(registry, install, spec):
    registry.load(needing(requires=("h5py-missing>=3.8",)))


def target(registry, install, spec):
    install("unistd-rain", "import os\nimport wradlib_missing\n")
    registry.load(needing(target="unistd_rain:Rain"))


def strict(registry, install, spec):
    install("unistd-old", "PLUGIN_API = 0\n", name="old-one", version="0.1")
    Registry.discover({"UNISTD_PLUGINS": "unistd-old", "UNISTD_PLUGINS_STRICT": "1"})


def hook(registry, install, spec):
    install("unistd-watch", WATCH, name="watch", version="0.3")
    (info,) = [own for own in Registry.discover().plugins if own.plugin.dist == "unistd-watch"]
    Implementer.of_plugin(info).call("unistd_run_started", run=None, step=0)


def whole_spec(registry, install, spec):
    text = """\
        name: joint
        model:
          backbone: {kind: vitt, variant: tiny}
          adapter: {kind: ra-moe, rnak: 2}
        tasks:
          north:
            kind: rain
            window: {past: four}
        output: runs/joint
        """
    load_spec(spec(text), registry, ["training.steps=0"])


def syntax(registry, install, spec):
    load_spec(spec("name: joint\n\tseed: 3\n"), registry)


def twice(registry, install, spec):
    load_spec(spec("name: joint\nseed: !env SEED\nname: again\n"), registry)


BUILT_INS = ", ".join(sorted(name for name in Registry.discover({"UNISTD_PLUGINS": ""}).names("task")))

GOLDEN = [
    (unknown, UnknownComponent, 2, f"""\
unknown task 'human-motion'
  help: did you mean 'human36m'? installed: {BUILT_INS}
  or is it in plug-in 'human-motion' (unistd-h36m 0.2.1), which failed at import: \
ModuleNotFoundError: No module named 'h5py_missing' (unistd_h36m.py:2)"""),
    (nearest, UnknownComponent, 2, """\
unknown temporal 'zero-mlpp'
  help: did you mean 'zero-mlp'? installed: none, zero-mlp"""),
    (ambiguous, AmbiguousComponent, 2, """\
metric name 'skill' is offered by 2 plug-ins: unistd-a 1.0 and unistd-b 0.3
  help: write 'unistd-a/skill' or 'unistd-b/skill'"""),
    (not_installed, MissingPlugin, 3, """\
run.yaml:3:13: the spec needs plug-in 'unistd-rain>=0.2', which is not installed
  help: pip install 'unistd-rain>=0.2'"""),
    (too_old, MissingPlugin, 3, """\
run.yaml:1:21: the spec needs plug-in 'unistd-rain>=0.2', but version 0.1 is installed
  help: pip install 'unistd-rain>=0.2'"""),
    (required_but_broken, MissingPlugin, 3, """\
run.yaml:1:21: the spec needs 'unistd-h36m', but plug-in 'human-motion' (unistd-h36m 0.2.1) failed at import: \
ModuleNotFoundError: No module named 'h5py_missing'
  help: pip install 'h5py-missing>=3.8'"""),
    (requirement, MissingRequirement, 3, """\
task 'rain' needs 'h5py-missing>=3.8', which is not installed
  help: pip install 'h5py-missing>=3.8'"""),
    (target, ComponentImportError, 3, """\
unistd_rain.py:2: task 'rain' cannot be imported: ModuleNotFoundError: No module named 'wradlib_missing'
  help: unistd doctor"""),
    (strict, PluginError, 3, """\
unistd_old.py:1: plug-in 'old-one' (unistd-old 0.1) failed at compatibility: \
it was written for plug-in API 0; this unistd has API 1
  help: pip install -U unistd-old"""),
    (hook, HookError, 3, """\
unistd_watch.py:5: plug-in 'watch' (unistd-watch 0.3) failed in unistd_run_started: OSError: no connection at step 0
  help: UNISTD_PLUGINS_OFF=unistd-watch:watch does without it"""),
    (whole_spec, SpecError, 2, """\
run.yaml:3:20: unknown backbone 'vitt'
   3 |   backbone: {kind: vitt, variant: tiny}
                          ^^^^
  help: did you mean 'vit'? installed: vit

run.yaml:4:27: unknown key 'rnak' in adapter 'ra-moe'
   4 |   adapter: {kind: ra-moe, rnak: 2}
                                 ^^^^
  help: did you mean 'rank'? keys: experts, kind, rank

run.yaml:8:5: 'future' is missing in 'tasks.north.window'
   8 |     window: {past: four}
           ^^^^^^
  help: Forecast frames T'.

run.yaml:8:20: 'past' must be a whole number, got 'four'
   8 |     window: {past: four}
                          ^^^^

<override>: 'steps' must be at least 1, got '0'
   -o training.steps=0"""),
    (syntax, SpecError, 2, """\
run.yaml:2:1: the text is not YAML: found character '\\t' that cannot start any token while scanning for the next token
   2 |  seed: 3
       ^
  help: indent by spaces"""),
    (twice, SpecError, 2, """\
run.yaml:2:7: tag '!env' is not allowed in a spec
   2 | seed: !env SEED
             ^^^^^^^^^
  help: write plain values only

run.yaml:3:1: key 'name' is written twice
   3 | name: again
       ^^^^"""),
]  # fmt: skip


@pytest.mark.parametrize(("provoke", "kind", "code", "text"), GOLDEN, ids=[row[0].__name__ for row in GOLDEN])
def test_the_whole_text(registry, installed_plugin, spec_file, tmp_path, monkeypatch, provoke, kind, code, text):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnistdError) as caught:
        provoke(registry, installed_plugin, lambda content: spec_file(content).relative_to(Path.cwd()))
    assert str(caught.value) == text
    assert (type(caught.value), caught.value.exit_code) == (kind, code)


def test_every_error_class_has_a_text():
    declared = {
        value
        for module in (errors, issues)
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, UnistdError) and value.__module__ == module.__name__
    }
    assert declared == {kind for _, kind, _, _ in GOLDEN}

"""``unistd plugins check`` says of each component how far it came, and of each problem where it is."""

from __future__ import annotations

import pytest

from unistd.cli.main import main
from unistd.registry.testing import PluginContract

HEAD = """\
from unistd.registry.component import Component, Config
from unistd.registry.hooks import hookimpl

PLUGIN_API = 1


class RainConfig(Config):
    "Options."

    top_k: int | None = None
    "Experts."


class NoConfig(Config):
    "No options."


class BadConfig(Config):
    "Options."

    top_k: int = "many"
    "Experts."


@hookimpl
def unistd_components():
    return [Component(kind="KIND", name="rain", config=CONFIG, target="TARGET", summary="Rain.")]
"""
SOFTMAX = "unistd.plugins.router_softmax.softmax:SoftmaxRouter"
OFF = """

def router(width, experts):
    from unistd.plugins.router_softmax.softmax import SoftmaxRouter

    class Wrong(SoftmaxRouter):
        def gate(self, scores):
            return 1.1 * super().gate(scores)

    return Wrong(width, experts)


def breaks(width, experts):
    raise KeyError("weights")


def heavy():
    from unistd.plugins.backbone_identity.identity import Identity
    from torch import nn

    trunk = Identity(width=8)
    trunk.table = nn.Linear(3000, 2000)
    return trunk


def nothing(sites, router):
    return {}


def head(**sizes):
    from unistd.plugins.head_conv.conv_head import ConvHead

    return ConvHead(**sizes, width=8, residual="last-frame")


def raw():
    from unistd.plugins.synthetic.traffic import SyntheticTraffic

    class Raw(SyntheticTraffic):
        def folder(self):
            raise KeyError("root")

    return Raw()


def refuses(width):
    from unistd.core.errors import UsageError

    raise UsageError("'rain' needs a width of 16")
"""


@pytest.fixture
def not_alone(monkeypatch):
    """Leave out what takes an interpreter of its own; tests/kit sees it fail."""
    monkeypatch.setattr(PluginContract, "test_declaring_imports_nothing_heavy", lambda _: None)


@pytest.fixture
def check(installed_plugin, monkeypatch, capsys):
    """Check a plug-in whose component is of this kind, config and target; return exit code and what was said."""

    def run(kind="router", config="RainConfig", target=SOFTMAX, imports="", **metadata):
        source = (imports + HEAD + OFF).replace("KIND", kind).replace("CONFIG", config).replace("TARGET", target)
        installed_plugin("unistd-rain", source, name="rain", **metadata)
        monkeypatch.setenv("UNISTD_PLUGINS", "unistd-rain")
        code = main(["plugins", "check", "unistd-rain"])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_what_needs_an_interpreter_of_its_own_is_asked_too(check):
    code, _, err = check(imports="import numpy\n")
    assert code == 3
    assert "unistd_rain: fails test_declaring_imports_nothing_heavy of PluginContract: declaring imports numpy" in err


@pytest.mark.usefixtures("not_alone")
def test_a_good_plugin_is_built_and_asked(check):
    code, out, err = check(requires=["unistd>=0.1", "pytest-nothing; extra == 'test'"])
    assert (code, err) == (0, "")
    title = "plug-in 'rain' (unistd-rain 1.0), written for API 1"
    assert out == f"{title}\n  router 'rain': built; 10 checks of RouterContract\n1 component, 0 problems\n"


@pytest.mark.usefixtures("not_alone")
@pytest.mark.parametrize(
    ("kind", "config", "target", "came"),
    [
        ("metric", "RainConfig", "unistd.plugins.metrics.nino:NinoRootMeanSquaredError", "refuses the tiny sizes"),
        ("temporal", "NoConfig", "unistd_rain:refuses", "refuses the tiny sizes: 'rain' needs a width of 16"),
        (
            "head",
            "NoConfig",
            "unistd_rain:head",
            "built; 8 checks of HeadContract; it refuses what test_other_channels_out gives it: residual 'last-frame'",
        ),
        ("backbone", "NoConfig", "unistd_rain:heavy", "its contract is not asked, for it has 6 million parameters"),
        ("adapter", "NoConfig", "unistd_rain:nothing", "its contract is not asked, for it adapts nothing here"),
    ],
)
def test_what_cannot_be_asked_is_said_with_the_reason(check, kind, config, target, came):
    config = "NoConfig" if kind == "metric" else config
    code, out, err = check(kind, config, target)
    assert (code, err) == (0, "")
    assert f"  {kind} 'rain': " in out
    assert came in out
    assert out.endswith("1 component, 0 problems; 1 not asked all of the contract, for the reasons above\n")


@pytest.mark.usefixtures("not_alone")
def test_a_task_of_raw_files_and_one_without_defaults_are_not_asked(capsys):
    assert main(["plugins", "check", "grid"]) == 0
    assert "  task 'grid': imported; not built, for its option 'store' must be given" in capsys.readouterr().out
    assert main(["plugins", "check", "traffic"]) == 0
    assert "  task 'taxibj': built; its contract is not asked, for it reads raw files" in capsys.readouterr().out


@pytest.mark.usefixtures("not_alone")
@pytest.mark.parametrize(
    ("config", "target", "said"),
    [
        (
            "NoConfig",
            "unistd_rain:router",
            "unistd_rain: router 'rain' fails test_rows_sum_to_one of RouterContract: rows of weights must sum",
        ),
        (
            "NoConfig",
            "unistd_rain:breaks",
            "unistd_rain.py:41: router 'rain' cannot be built with its defaults: KeyError: 'weights'",
        ),
        (
            "RainConfig",
            "unistd_rain:breaks",
            "unistd_rain: fails test_options_are_what_targets_take of PluginContract: option 'top_k' of router",
        ),
        ("BadConfig", SOFTMAX, "router 'rain' cannot be built with its defaults: ValidationError: 1 validation error"),
        ("NoConfig", "unistd_rain:Gone", "router 'rain' cannot be imported: AttributeError"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(check, config, target, said):
    code, out, err = check("router", config, target)
    assert code == 3
    assert said in err
    assert "\n  help: " in err
    assert ", 0 problems" not in out


@pytest.mark.usefixtures("not_alone")
def test_a_task_that_breaks_when_it_looks_for_its_files_is_a_problem(check):
    config = "from unistd.registry.component import TaskConfig\n\nclass RawConfig(TaskConfig):\n    'Options.'\n\n"
    code, out, err = check("task", "RawConfig", "unistd_rain:raw", imports=config)
    assert (code, out.splitlines()[-1]) == (3, "1 component, 1 problem")
    assert "task 'rain' cannot be built with its defaults: KeyError: 'root'" in err


@pytest.mark.usefixtures("not_alone")
def test_what_the_distribution_needs_is_compared_with_what_is_there(check):
    code, out, err = check(requires=["unistd<0.1", "h5py-missing>=3.8"])
    assert code == 3
    who = "plug-in 'rain' (unistd-rain 1.0) needs"
    assert f"{who} 'unistd<0.1', found '0.1.0'\n  help: pip install 'unistd<0.1'\n" in err
    assert f"{who} 'h5py-missing>=3.8', found 'none'\n  help: pip install 'h5py-missing>=3.8'\n" in err
    assert out.endswith("1 component, 2 problems\n")


@pytest.mark.usefixtures("not_alone")
def test_a_name_of_two_plugins_is_a_problem(installed_plugin, plugin_source, monkeypatch, capsys):
    installed_plugin("unistd-a", plugin_source, module="a_plug")
    installed_plugin("unistd-b", plugin_source, module="b_plug")
    monkeypatch.setenv("UNISTD_PLUGINS", "unistd-a,unistd-b")
    assert main(["plugins", "check", "unistd-b"]) == 3
    said = capsys.readouterr().err
    assert (
        "metric name 'skill' of plug-in 'plug' (unistd-b 1.0) is offered by 2: unistd-a/skill, unistd-b/skill" in said
    )


@pytest.mark.usefixtures("not_alone")
def test_an_installation_that_was_broken_off_is_a_problem(installed_plugin, plugin_source, monkeypatch, capsys):
    path = installed_plugin("demo-a", plugin_source).path
    next(path.parent.glob("demo_a-*/METADATA")).unlink()
    monkeypatch.setenv("UNISTD_PLUGINS", "unknown")
    assert main(["plugins", "check", "unknown"]) == 3
    assert "plug-in 'plug' (unknown ?) has no metadata: its installation was broken off" in capsys.readouterr().err

"""What plug-ins see in a spec, and how a hook that raises is named."""

import pytest

from unistd.cli.main import main
from unistd.core.errors import UsageError
from unistd.registry.discovery import Plugin
from unistd.registry.errors import HookError
from unistd.registry.hooks import hookimpl
from unistd.registry.implementer import Implementer
from unistd.registry.issues import SpecError
from unistd.registry.registry import Registry
from unistd.registry.spec import load_resolved, load_spec

CHECK = """

from unistd.registry.hooks import SpecIssue

@hookimpl
def unistd_check_spec(spec):
    {body}
"""
MINE = Plugin("mine", "unistd-mine", "2.0")


@pytest.fixture
def checked(installed_plugin, plugin_source, built_in_spec, monkeypatch):
    """Install a plug-in whose check of a spec is ``body``, and load a good spec."""
    monkeypatch.setenv("UNISTD_PLUGINS", "unistd-rain")

    def load(body):
        installed_plugin("unistd-rain", plugin_source + CHECK.format(body=body))
        return load_spec(built_in_spec, Registry.discover())

    return load


def test_an_issue_is_shown_at_its_place_with_who_says_so(checked, built_in_spec):
    with pytest.raises(SpecError) as caught:
        checked("return [SpecIssue(('tasks', 'city', 'weight'), 'too heavy', 'lighter'), SpecIssue(('name',), 'odd')]")
    assert str(caught.value) == (
        f"{built_in_spec}:1:7: odd\n"
        "   1 | name: city\n"
        "             ^^^^\n"
        "  help: plug-in 'plug' (unistd-rain 1.0) says so\n"
        "\n"
        f"{built_in_spec}:3:15: too heavy\n"
        "   3 | tasks: {city: synthetic-traffic}\n"
        "                     ^^^^^^^^^^^^^^^^^\n"
        "  help: lighter; plug-in 'plug' (unistd-rain 1.0) says so"
    )


def test_the_check_sees_the_resolved_spec(checked):
    with pytest.raises(SpecError, match="16 windows"):
        checked("yield SpecIssue(('training',), f'{spec.training.batch} windows')")


def test_a_check_without_issues_lets_the_spec_through(checked):
    assert checked("return []").name == "city"


@pytest.mark.parametrize(
    ("body", "text", "where"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero", "unistd_rain.py:18"),
        ("yield 1 / 0", "ZeroDivisionError: division by zero", "unistd_rain.py:18"),
        ("raise SystemExit(7)", "SystemExit: 7", "unistd_rain.py:18"),
        ("return ['x']", "TypeError: ''x'' is not a SpecIssue", "unistd_rain"),
    ],
)
def test_a_check_that_raises_is_named_by_file_and_line(checked, body, text, where):
    with pytest.raises(HookError) as caught:
        checked(body)
    assert str(caught.value) == (
        f"{where}: plug-in 'plug' (unistd-rain 1.0) failed in unistd_check_spec: {text}\n"
        "  help: UNISTD_PLUGINS_OFF=unistd-rain:plug does without it"
    )
    assert caught.value.exit_code == 3


def test_a_spec_that_was_run_before_is_not_asked_about(checked, built_in_spec):
    spec = load_spec(built_in_spec, Registry.discover({"UNISTD_PLUGINS": ""}))
    with pytest.raises(SpecError):
        checked("return [SpecIssue((), 'no')]")
    assert load_resolved(spec.dump(), Registry.discover(), built_in_spec) == spec


def test_windows_longer_than_generated_sequences_are_found_without_data(built_in_spec, capsys):
    text = built_in_spec.read_text().replace(
        "{city: synthetic-traffic}",
        "{shapes: {kind: synthetic-motion, frames: 12}, road: {kind: synthetic-driving, window: {past: 6, future: 6}}}",
    )
    built_in_spec.write_text(text)
    assert main(["validate", str(built_in_spec)]) == 2
    said = capsys.readouterr().err
    assert "3:9: a window of 10 past and 10 future frames is longer than the sequences of '12' frames" in said
    assert "3:87: a window of 6 past and 6 future frames is longer than the sequences of '10' frames" in said
    assert main(["validate", str(built_in_spec), "-o", "tasks.shapes.frames=20", "-o", "tasks.road.frames=12"]) == 0


def test_a_rank_phase_longer_than_the_training_is_found_without_data(built_in_spec, capsys):
    asked = ["-o", "training.steps=50", "-o", "model.adapter={kind: ra-moe, rank: {phase: {steps: 60}}}"]
    assert main(["validate", str(built_in_spec), *asked]) == 2
    said = capsys.readouterr().err
    assert said.startswith("<override>: the rank phase of '60' steps does not end in the training of 50\n")
    assert main(["validate", str(built_in_spec), *asked, "-o", "training.steps=60"]) == 0


class Misspelt:
    @hookimpl
    def unistd_step_done(self):
        """There is no such hook."""


class Unmarked:
    def unistd_run_started(self):
        """Nobody would call it."""


@pytest.mark.parametrize(
    ("kind", "text"), [(Misspelt, "unknown hook 'unistd_step_done'"), (Unmarked, "implements no hook")]
)
def test_an_observer_nobody_would_call_is_refused(kind, text):
    with pytest.raises(HookError, match=r"observer 'mine' \(unistd-mine 2\.0\)") as caught:
        Implementer.of_observer(MINE, kind())
    assert text in caught.value.message


class Refusing:
    @hookimpl
    def unistd_run_started(self):
        raise UsageError("no room", help="tidy up")


def test_an_error_of_ours_keeps_its_help():
    own = Implementer.of_observer(MINE, Refusing())
    assert own.names == ("unistd_run_started",)
    own.call("unistd_run_finished", run=None, outcome=None)
    with pytest.raises(HookError) as caught:
        own.call("unistd_run_started", run=None, step=0)
    assert caught.value.message == "observer 'mine' (unistd-mine 2.0) failed in unistd_run_started: no room"
    assert caught.value.help == "tidy up"

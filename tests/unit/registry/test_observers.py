"""Who began to watch is told of the end, whatever else raises."""

from types import SimpleNamespace

import pytest

from unistd.core.errors import UnistdError
from unistd.core.training.loop import Outcome
from unistd.registry.discovery import Plugin
from unistd.registry.errors import HookError
from unistd.registry.hooks import hookimpl
from unistd.registry.implementer import Implementer
from unistd.registry.observers import Observers

DONE = Outcome(9, {"step": 6, "score": 0.5})


class Watcher:
    """Writes down what it sees; raises in ``failing``."""

    def __init__(self, failing=""):
        self.failing, self.seen = failing, []

    def _see(self, hook, what):
        self.seen.append((hook, what))
        if hook == self.failing:
            raise ValueError(f"broken at {hook}")

    @hookimpl
    def unistd_run_started(self, step):
        self._see("started", step)

    @hookimpl
    def unistd_step_finished(self, step, task, rows):
        self._see("step", (step, task, rows))

    @hookimpl
    def unistd_run_finished(self, outcome):
        self._see("finished", outcome)


class Training:
    """Does one step, then ends or fails."""

    def __init__(self, observers, error=None):
        self.observers, self.error, self.best, self.alarms = observers, error, {"step": 6}, []
        self.progress = SimpleNamespace(alarm=self.alarms.append)

    def fit(self, checkpoint):
        self.observers.step_finished(checkpoint.step + 1, "city", ())
        if self.error:
            raise self.error
        return DONE


def watched(*watchers, error=None):
    plugin = Plugin("watcher", "unistd-watch", "2.0")
    observers = Observers(None, [Implementer.of_observer(plugin, own) for own in watchers])
    training = Training(observers, error)
    return training, lambda: observers.watch(training, SimpleNamespace(step=8))


def test_all_is_seen_in_order():
    own = Watcher()
    _, watch = watched(own)
    assert watch() is DONE
    assert own.seen == [("started", 8), ("step", (9, "city", ())), ("finished", DONE)]


def test_of_several_that_cannot_end_the_first_is_raised_after_all_were_told():
    first, second, third = Watcher("finished"), Watcher("finished"), Watcher()
    training, watch = watched(first, second, third)
    with pytest.raises(HookError, match="broken at finished"):
        watch()
    assert [own.seen[-1] for own in (first, second, third)] == [("finished", DONE)] * 3
    assert training.alarms == []


@pytest.mark.parametrize("error", [UnistdError("task 'city' diverged"), KeyboardInterrupt()])
def test_what_ended_the_run_is_raised_and_the_hook_beside_it_told_of(error):
    broken, own = Watcher("finished"), Watcher()
    training, watch = watched(broken, own, error=error)
    with pytest.raises(type(error)) as caught:
        watch()
    assert caught.value is error
    assert own.seen[-1] == ("finished", Outcome(9, {"step": 6}, error=str(error) or "KeyboardInterrupt"))
    (alarm,) = training.alarms
    assert (
        "observer 'watcher' (unistd-watch 2.0) failed in unistd_run_finished: ValueError: broken at finished" in alarm
    )


def test_who_could_not_begin_is_not_told_of_an_end():
    own, broken, later = Watcher(), Watcher("started"), Watcher()
    _, watch = watched(own, broken, later)
    with pytest.raises(HookError, match="unistd_run_started"):
        watch()
    assert [hook for hook, _ in own.seen] == ["started", "finished"]
    assert [hook for hook, _ in broken.seen] == ["started"]
    assert later.seen == []


def test_nobody_costs_nothing():
    observers = Observers(None, [])
    assert not observers
    assert observers.versions() == {}
    assert observers.record() == []

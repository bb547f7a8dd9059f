"""How the processes of a run are started, and what becomes of them when one fails."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from unistd.cli import launch as launching
from unistd.cli.launch import launch
from unistd.cli.main import main
from unistd.core.errors import UnistdError

BEGIN = "import os, signal, sys; rank = int(os.environ['RANK'])\n"


@pytest.fixture
def start(monkeypatch):
    """Start processes that run ``code``, which knows its ``rank``."""

    def run(code, count=3):
        monkeypatch.setattr(launching, "COMMAND", BEGIN + code)
        return launch(["a", "b"], count)

    return run


def test_every_process_knows_its_place_and_only_the_first_one_talks(start, capfd):
    names = "RANK LOCAL_RANK WORLD_SIZE LOCAL_WORLD_SIZE MASTER_ADDR"
    assert (
        start(f"print(*(os.environ[n] for n in '{names}'.split()), *sys.argv[1:]); print('err', file=sys.stderr)") == 0
    )
    assert capfd.readouterr() == ("0 0 3 3 127.0.0.1 a b\n", "err\n")


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (
            "print('what', file=sys.stderr); sys.exit(3)",
            "failed with code 3, and the others were stopped; it said\n  | what",
        ),
        ("os.kill(os.getpid(), signal.SIGKILL)", "was killed by SIGKILL, perhaps for lack of memory, and the others"),
    ],
)
def test_a_dead_process_is_named_and_takes_the_others_down(start, monkeypatch, how, said):
    monkeypatch.setattr(launching, "GRACE", 0.2)
    with pytest.raises(UnistdError) as caught:
        start(f"if rank == 1: {how}\nsys.stdin.read()")
    assert f"process '1' of 3 {said}" in str(caught.value)
    assert "--resume" in caught.value.help


def test_who_only_lost_another_one_is_not_blamed(start):
    with pytest.raises(UnistdError, match=r"process '2' of 3 failed with code 4"):
        start("sys.stdin.read(0); sys.exit(4 if rank == 2 else 75)")


def test_the_first_process_speaks_for_itself(start):
    assert start("sys.exit(2)") == 2


def test_a_signal_reaches_every_process_once(start, tmp_path):
    """Each says that it is ready, waits for a signal, and leaves with how often it came."""
    folder = str(tmp_path)
    wait = f"""
import pathlib, time
got = []
signal.signal(signal.SIGINT, lambda number, frame: got.append(number))
pathlib.Path({folder!r}, str(rank)).touch()
while not got:
    time.sleep(0.01)
time.sleep(0.05)
pathlib.Path({folder!r}, str(rank)).write_text(str(len(got)))
"""

    def interrupt():
        while len(list(tmp_path.iterdir())) < 3:
            threading.Event().wait(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt, daemon=True)
    thread.start()
    assert start(wait) == 0
    assert [file.read_text() for file in tmp_path.iterdir()] == ["1"] * 3


@pytest.mark.parametrize(
    ("args", "environment", "said"),
    [
        (["--strategy", "ddp"], {}, "'--strategy ddp' has no effect on one process"),
        (["--dry-run", "--strategy", "ddp"], {}, "'--strategy ddp' has no effect on one process"),
        (["--devices", "1", "--strategy", "fsdp"], {}, "'--strategy fsdp' has no effect on one process"),
        (["--devices", "4"], {"RANK": "0", "WORLD_SIZE": "2"}, "'--devices 4', but 2 processes were started"),
    ],
)
def test_options_without_effect_are_errors(spec_file, monkeypatch, capsys, args, environment, said):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert main(["train", str(spec_file()), *args]) == 2
    assert said in capsys.readouterr().err

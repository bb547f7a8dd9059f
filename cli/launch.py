"""A command in several processes on this machine, as torchrun would start it; one that dies takes the others down."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from types import FrameType

from unistd.core.errors import UnistdError

RUN_ID = "unistd"
"""What tells a process of ours from one of torchrun's."""
LOST = 75
"""Exit code of a process that only waited for another one, ``ProcessLostError``'s."""
GRACE = 10.0
"""Seconds in which the other processes may end by themselves, and say why, once one has failed (choice)."""
LAST_LINES = 20
COMMAND = "import sys; from unistd.cli.main import main; sys.exit(main())"


class _Process:
    """One of the processes: the first one talks to the user, what others say is kept for when they fail."""

    def __init__(self, rank: int, count: int, port: int, args: Sequence[str]) -> None:
        self.rank, self.said = rank, deque[str](maxlen=LAST_LINES)
        threads = str(max(1, (os.cpu_count() or 1) // count))
        place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": count, "LOCAL_WORLD_SIZE": count, "GROUP_RANK": 0}
        meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "TORCHELASTIC_RUN_ID": RUN_ID}
        numbers = {name: str(value) for name, value in (place | meeting).items()}
        self.popen = subprocess.Popen(
            [sys.executable, "-P", "-c", COMMAND, *args],
            env={"OMP_NUM_THREADS": threads, **os.environ, **numbers},
            stdin=subprocess.PIPE,  # never written to; it ends when this process does
            stdout=None if rank == 0 else subprocess.DEVNULL,
            stderr=None if rank == 0 else subprocess.PIPE,
            start_new_session=True,  # Ctrl-C reaches this process alone, which passes it on once
            text=True,
        )

    def wait(self, ended: SimpleQueue[_Process]) -> None:
        """Keep its last lines until it ends, then put it into ``ended``."""
        for line in self.popen.stderr or ():
            self.said.append(line.rstrip())
        self.popen.wait()
        ended.put(self)

    @property
    def code(self) -> int:
        """Return what it ended with, minus the number of a signal."""
        return self.popen.returncode or 0


def launch(args: Sequence[str], count: int) -> int:
    """Run ``unistd`` with ``args`` in ``count`` processes and return the exit code; signals are passed on.

    Raises:
        UnistdError: A process other than the first, which speaks for itself, failed or was killed; names it.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes = [_Process(rank, count, port, args) for rank in range(count)]
    ended: SimpleQueue[_Process] = SimpleQueue()
    with _signals_passed_on(processes):
        for process in processes:
            threading.Thread(target=process.wait, args=(ended,), daemon=True).start()
        over = list(_until_over(processes, ended))
    guilty = [process for process in over if process.code not in (0, LOST)]
    told = next((process for process in guilty if process.rank == 0 and process.code > 0), None)
    if not guilty or told:
        return max(process.code for process in over) if told is None else told.code
    raise _death(guilty[0], count)


def _until_over(processes: Sequence[_Process], ended: SimpleQueue[_Process]) -> Iterator[_Process]:
    """Give the processes that end by themselves, in order; the others are killed some time after one has failed."""
    failed = False
    for _ in processes:
        try:
            process = ended.get(timeout=GRACE if failed else None)
        except Empty:
            for other in processes:
                other.popen.kill()
            return
        failed = failed or bool(process.code)
        yield process


@contextmanager
def _signals_passed_on(processes: Sequence[_Process]) -> Iterator[None]:
    def pass_on(number: int, frame: FrameType | None) -> None:
        del frame
        for process in processes:
            process.popen.send_signal(number)

    here = threading.current_thread() is threading.main_thread()
    before = {number: signal.signal(number, pass_on) for number in (signal.SIGINT, signal.SIGTERM) if here}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _death(process: _Process, count: int) -> UnistdError:
    how = f"failed with code {process.code}" if process.code > 0 else f"was killed by {_name(-process.code)}"
    lines = "".join(f"\n  | {line}" for line in process.said)
    return UnistdError(
        f"process '{process.rank}' of {count} {how}, and the others were stopped"
        + (f"; it said{lines}" if lines else ""),
        help="--resume goes on from the last checkpoint",
    )


def _name(number: int) -> str:
    return signal.Signals(number).name + (", perhaps for lack of memory" if number == signal.SIGKILL else "")


def stop_with_launcher() -> None:
    """Let a process of ``launch`` save and stop when the launcher itself is killed, rather than train on unseen."""
    if os.environ.get("TORCHELASTIC_RUN_ID") == RUN_ID:
        threading.Thread(target=_wait_for_end_of_input, daemon=True).start()


def _wait_for_end_of_input() -> None:
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)

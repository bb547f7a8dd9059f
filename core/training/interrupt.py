"""Ctrl-C and SIGTERM as a wish to stop at the next step."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Self

from unistd.core.processes import gathered_numbers


class StopRequest:
    """While entered, the first SIGINT or SIGTERM only sets ``asked``; the second one acts as usual."""

    asked: str = ""

    def __enter__(self) -> Self:
        self._before = {}
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._ask) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def agreed(self) -> str:
        """Return the signal that this or another process of the run got, empty for none; all have to call this."""
        number = max(row[0] for row in gathered_numbers(signal.Signals[self.asked] if self.asked else 0))
        return signal.Signals(number).name if number else ""

    def _ask(self, number: int, frame: FrameType | None) -> None:
        del frame
        self.asked = signal.Signals(number).name
        signal.signal(number, self._before[signal.Signals(number)])

"""How far a conversion is, told while dask works on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from dask.callbacks import Callback

from unistd.core.data.journal import ShardReport


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a conversion is.

    Attributes:
        done: Frames in the store, those that were taken over among them.
        total: Frames known so far.
        taken: Frames taken over from a conversion that was stopped, in ``shards`` shards.
        frame: Bytes of a frame, raw.
        files: Raw files whose checksums are made, beside the last shards.
        began: How the conversion began where another was stopped before it, in words; else empty.
    """

    done: int = 0
    total: int = 0
    taken: int = 0
    shards: int = 0
    frame: int
    files: int = 0
    began: str = ""


Report = Callable[[Progress], None]
"""Called when shards have been taken over, and for each that has been written."""


class Teller(Callback):
    """Reports each shard that dask has written; of a cluster's shards, which it does not see, ``arrive`` tells.

    Attributes:
        now: What was reported last.
    """

    def __init__(self, report: Report | None, frame: int, began: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._report, self.now = report, Progress(frame=frame, began=began)

    def tell(self, **changes: Any) -> None:
        """Report ``now`` with ``changes``."""
        self.now = replace(self.now, **changes)
        if self._report is not None:
            self._report(self.now)

    def _posttask(self, key: Any, result: Any, *_: Any) -> None:  # noqa: ARG002 - dask's
        if isinstance(result, ShardReport):
            self.tell(done=self.now.done + len(result.valid))

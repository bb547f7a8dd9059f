"""Frames of an imported store, which brings its card along."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from unistd.core.data.store import Store
from unistd.core.errors import DataError
from unistd.core.importing.task import PROTOCOL
from unistd.core.task import FrameSequence, Task, TaskCard

MAKE = "unistd data import CARD.yaml --out STORE makes one"


class Imported(Task):
    """Any frames on a grid; the card is the store's own, so the store has to be there.

    Args:
        store: Folder that ``unistd data import`` wrote.
    """

    def __init__(self, *, store: Path) -> None:
        self.store = store

    @cached_property
    def card(self) -> TaskCard:
        """The card of the store.

        Raises:
            DataError: The store is missing, damaged, or another task's.
        """
        if not self.store.exists():
            raise DataError(f"there is no store '{self.store.name}'", where=str(self.store), help=MAKE)
        card = Store.open(self.store).card
        if card.protocol != PROTOCOL:
            message = f"the store holds task '{card.name}' and was not imported by a card"
            raise DataError(message, where=str(self.store), help=f"write 'kind: {card.name}' in the spec, or: {MAKE}")
        return card

    def sequences(self) -> Iterator[FrameSequence]:
        """Give nothing: the frames are in the store already.

        Raises:
            DataError: Always, where the store went away after its card was read.
        """
        raise DataError("the store is no longer there", where=str(self.store), help=MAKE)

"""A grid cut into tiles that overlap, so that a forecast needs the memory of one tile only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from unistd.core.data.store import Region
from unistd.core.errors import UsageError

ALIGNED = 32
"""Tiles begin at multiples of this many pixels, the largest token of our heads: none is cut in two."""


def usual_overlap(size: int) -> int:
    """Return a quarter of a tile's ``size`` or a little more, in whole tokens; 0 where that leaves nothing to keep."""
    return min(-(-size // (4 * ALIGNED)), (size - 1) // 2 // ALIGNED) * ALIGNED


class Tile(NamedTuple):
    """What the model sees of a grid, and the part of it whose forecast is kept."""

    seen: Region
    kept: Region

    @property
    def within(self) -> Region:
        """Return ``kept`` as rows and columns of what is seen."""
        rows, columns = (
            slice(kept.start - seen.start, kept.stop - seen.start)
            for seen, kept in zip(self.seen, self.kept, strict=True)
        )
        return rows, columns


@dataclass(frozen=True)
class Tiling:
    """Tiles of ``size`` × ``size`` pixels, of which a margin of ``overlap`` pixels on each side is seen but not kept.

    The kept parts cover a grid once, ``size - 2 · overlap`` pixels on a side. At the edges of the grid a tile is moved
    inwards, so that the model sees about as much everywhere.

    Raises:
        UsageError: A size that is no multiple of 32, or an overlap that leaves nothing to keep.
    """

    size: int
    overlap: int

    def __post_init__(self) -> None:
        for name, value, least in (("tile", self.size, ALIGNED), ("overlap", self.overlap, 0)):
            if value % ALIGNED or value < least:
                raise UsageError(
                    f"{name} '{value}' is not a multiple of {ALIGNED} pixels",
                    help="tokens of up to that size must not be cut in two",
                )
        if self.step <= 0:
            raise UsageError(
                f"an overlap of '{self.overlap}' on both sides leaves nothing of a tile of {self.size} pixels",
                help=f"an overlap of at most {(self.size - 1) // 2 // ALIGNED * ALIGNED}",
            )

    @property
    def step(self) -> int:
        """Return the pixels of a tile's side that are kept."""
        return self.size - 2 * self.overlap

    def tiles(self, grid: tuple[int, int]) -> Iterator[Tile]:
        """Give the tiles of a ``grid`` (H, W), row by row."""
        for rows in self._cut(grid[0]):
            for columns in self._cut(grid[1]):
                yield Tile((rows[0], columns[0]), (rows[1], columns[1]))

    def middle(self, grid: tuple[int, int]) -> Region:
        """Return what is seen of a ``grid`` (H, W) by the tile that keeps its centre."""
        rows, columns = (next(seen for seen, kept in self._cut(n) if kept.stop > n // 2) for n in grid)
        return rows, columns

    def _cut(self, length: int) -> Iterator[tuple[slice, slice]]:
        """Give what is seen and what is kept along a side of ``length`` pixels."""
        last = max(0, -(-(length - self.size) // ALIGNED) * ALIGNED)
        for first in range(0, length, self.step):
            start = min(max(0, first - self.overlap), last)
            yield slice(start, min(start + self.size, length)), slice(first, min(first + self.step, length))

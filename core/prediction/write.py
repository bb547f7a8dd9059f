"""Forecasts as a zarr data set that xarray opens as it is."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import zarr

from unistd.core.errors import DataError, ModelError, UsageError
from unistd.core.evaluation.gather import read_frames
from unistd.core.new_folder import whole_or_nothing
from unistd.core.prediction.coordinates import coordinates
from unistd.core.prediction.tiles import Tile, Tiling

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unistd.core.data.store import Store
    from unistd.core.data.windows import Windows
    from unistd.core.evaluation.evaluate import Forecast

DIMS = ("start", "lead", "channel", "y", "x")


def write_forecasts(
    path: Path,
    windows: Windows,
    forecast: Forecast,
    *,
    batch: int,
    device: torch.device | str = "cpu",
    attributes: Mapping[str, str] | None = None,
    tiling: Tiling | None = None,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Write ``forecast`` and ``truth`` of every window to a new zarr v3 group, batch by batch, in physical units.

    Dimensions are start, lead, channel, y, x. A pixel that was missing in all T input frames of a window is missing in
    its forecast. The folder appears under its name only once it is whole.

    Args:
        path: The folder to write.
        windows: What is forecast.
        forecast: Makes the frames.
        batch: Windows at a time, and in a chunk.
        device: Where ``past`` is given to ``forecast``.
        attributes: Said of the whole data set besides what the task's card says, such as the run it came from.
        tiling: Forecast the grid in these tiles, each from what it alone shows, in the memory of one tile.
        progress: Called with the number of windows just written.

    Raises:
        UsageError: ``path`` is there already.
        ModelError: A forecast has the wrong shape, or a value that is no finite number.
    """
    writer = _Writer(windows.store, windows.starts, windows.past, windows.future, batch, tiling, truth=True)
    writer.write(path, forecast, torch.device(device), attributes or {}, progress)


def write_latest(
    path: Path,
    store: Store,
    forecast: Forecast,
    *,
    past: int,
    future: int,
    device: torch.device | str = "cpu",
    attributes: Mapping[str, str] | None = None,
    tiling: Tiling | None = None,
) -> None:
    """Write the forecast from the last T = ``past`` frames of ``store``; there is no truth.

    Other arguments and errors as for ``write_forecasts``.

    Raises:
        DataError: The store's last frames are fewer than T in a row.
    """
    starts = np.array([latest_start(store, past)], dtype=np.int64)
    writer = _Writer(store, starts, past, future, 1, tiling, truth=False)
    writer.write(path, forecast, torch.device(device), attributes or {}, None)


def latest_start(store: Store, past: int) -> int:
    """Return the first of the last ``past`` frames of ``store``.

    Raises:
        DataError: A gap in time lies among them, or there are fewer.
    """
    length = int((store.sequence == store.sequence[-1]).sum())
    if length < past:
        raise DataError(
            f"the latest unbroken frames of task '{store.card.name}' are '{length}', a forecast needs {past}",
            where=str(store.path),
            help="a gap in time ends a sequence; convert raw files that have the missing frames",
        )
    return len(store.sequence) - past


class _Writer:
    """Streams forecasts of the windows at ``starts`` into a group, a chunk of windows at a time."""

    def __init__(
        self,
        store: Store,
        starts: NDArray[np.int64],
        past: int,
        future: int,
        batch: int,
        tiling: Tiling | None,
        *,
        truth: bool,
    ) -> None:
        self.store, self.starts, self.past, self.future = store, starts, past, future
        self.batch, self.truth = min(batch, len(starts)), truth
        self.tiles = [_one(store.grid)] if tiling is None else list(tiling.tiles(store.grid))
        self.side = store.grid if tiling is None else tuple(min(tiling.step, n) for n in store.grid)

    def write(
        self,
        path: Path,
        forecast: Forecast,
        device: torch.device,
        attributes: Mapping[str, str],
        progress: Callable[[int], None] | None,
    ) -> None:
        if path.exists():
            raise UsageError(
                f"'{path.name}' is there already", where=str(path), help="name another folder, or remove it first"
            )
        with whole_or_nothing(path) as folder:
            group = zarr.create_group(folder, zarr_format=3, attributes=self._attributes(attributes))
            self._create(group)
            for first in range(0, len(self.starts), self.batch):
                some = slice(first, first + self.batch)
                for tile in self.tiles:
                    for name, values in self._frames(forecast, self.starts[some], tile, device).items():
                        group[name][some, :, :, *tile.kept] = values[..., *tile.within]  # type: ignore[index]
                if progress is not None:
                    progress(len(self.starts[some]))

    @torch.inference_mode()
    def _frames(
        self, forecast: Forecast, starts: NDArray[np.int64], tile: Tile, device: torch.device
    ) -> dict[str, NDArray[np.float32]]:
        span = np.arange(self.past + self.future * self.truth)
        frames = read_frames(self.store, starts[:, None] + span, tile.seen)
        past = frames[:, : self.past]
        predicted = forecast(past.to(device), torch.from_numpy(starts)).float().cpu()
        self._check(predicted, starts, past.shape[-2:])
        unseen = past.isnan().all(dim=1, keepdim=True)
        made = {"forecast": predicted.masked_fill(unseen, torch.nan).numpy()}
        return made | ({"truth": frames[:, self.past :].numpy()} if self.truth else {})

    def _check(self, predicted: torch.Tensor, starts: NDArray[np.int64], grid: torch.Size) -> None:
        task, shape = self.store.card.name, (len(starts), *self._shape()[1:3], *grid)
        if predicted.shape != shape:
            raise ModelError(
                f"the forecast of task '{task}' has shape '{tuple(predicted.shape)}'",
                help=f"(B, T', C', H, W) is {shape}",
            )
        broken = ~predicted.isfinite().flatten(1).all(dim=1).numpy()
        if broken.any():
            last = self.store.times[starts[broken.argmax()] + self.past - 1]
            raise ModelError(
                f"the forecast of task '{task}' from '{last}' holds values that are no finite numbers",
                help="the model has diverged or its input is far from what it was trained on",
            )

    def _shape(self) -> tuple[int, ...]:
        return (len(self.starts), self.future, len(self.store.card.channels), *self.store.grid)

    def _create(self, group: zarr.Group) -> None:
        """Create the arrays and write the coordinates."""
        located = list(coordinates(self.store, self.starts + self.past - 1, self.future))
        units = {channel.unit for channel in self.store.card.channels}
        shared = {"units": units.pop()} if len(units) == 1 else {}
        beside = " ".join(c.name for c in located if c.name not in DIMS)
        for name in ("forecast", "truth") if self.truth else ("forecast",):
            group.create_array(
                name,
                shape=self._shape(),
                chunks=(self.batch, *self._shape()[1:3], *self.side),
                dtype="float32",
                fill_value=float("nan"),
                dimension_names=DIMS,
                attributes={**shared, "long_name": name, "coordinates": beside},
            )
        with (
            warnings.catch_warnings()
        ):  # strings and consolidated metadata are not in the zarr v3 text, but are what xarray reads
            warnings.filterwarnings("ignore", message=".*Zarr (V3 specification|format 3 specification)")
            for name, dims, values, attributes in located:
                array = group.create_array(name, data=values, dimension_names=dims)
                array.attrs.update(attributes)
            zarr.consolidate_metadata(group.store)

    def _attributes(self, attributes: Mapping[str, str]) -> dict[str, Any]:
        card = self.store.card
        said = {
            "Conventions": "CF-1.11",
            "title": f"Forecasts of {card.name}",
            "task": card.name,
            "protocol_version": card.version,
            "source": card.source,
            "licence": card.licence,
            "store_digest": self.store.digest,
            "comment": "forecast is missing where the input was missing in all its frames",
        }
        return {**said, **attributes}


def _one(grid: tuple[int, int]) -> Tile:
    whole = (slice(0, grid[0]), slice(0, grid[1]))
    return Tile(whole, whole)

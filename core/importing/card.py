"""The card that says what a user's files hold and how their frames are used. Imports no numpy."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from unistd.core.settings import Settings

Format = Literal["npy", "npz", "hdf5", "netcdf", "zarr", "geotiff", "image", "video"]
KEYLESS: tuple[Format, ...] = ("npy", "geotiff", "image", "video")
"""Formats with one array a file, which has no name."""
ONE_FRAME: tuple[Format, ...] = ("geotiff", "image")
Text = Annotated[str, StringConstraints(min_length=1)]
Count = Annotated[int, Field(ge=1)]


def _moment(text: str) -> str:
    try:
        aware = datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        aware = True
    if aware:
        template = "must be a date such as 2016-01-01 or 2016-01-01T06:30 without a time zone, got '{text}'"
        raise PydanticCustomError("moment", template, {"text": text})
    return text


def _as_text(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value  # YAML reads a bare 2016-01-01 as a date


Moment = Annotated[str, BeforeValidator(_as_text), AfterValidator(_moment)]
Patterns = Annotated[tuple[Text, ...], Field(min_length=1)]


class ChannelCard(Settings):
    """One channel."""

    unit: Text
    """Its unit, spelt as in the file where the file says one; ``1`` for a pure number."""
    variable: Text | None = None
    """Name of its array in the file; the card's ``variable`` or else the channel's own name by default."""
    index: Annotated[int, Field(ge=0)] | None = None
    """Its place on the axis ``channel`` of the array, from 0; by default the channels' order is the axis' own."""
    files: Patterns | None = None
    """Files of this channel alone, where each variable has files of its own; the card's ``files`` by default."""


class TimeCard(Settings):
    """Where each frame's time comes from: one of ``coordinate``, ``pattern`` and ``start``."""

    coordinate: Text | None = None
    """Name of the array of times in the file."""
    units: Text | None = None
    """Unit of the coordinate, such as ``hours since 1900-01-01``, where the file does not say it."""
    calendar: Text | None = None
    """Calendar of the coordinate where the file does not say it, such as ``noleap``; the usual one by default."""
    pattern: Text | None = None
    """The file's name in strftime's letters and ``*``, such as ``*_%Y%m%d%H%M.png``: the time of its first frame. Or
    with ``{number}``, such as ``image_{number}.jpg``, which counts steps from ``start``."""
    start: Moment | None = None
    """Time of the first frame, such as ``2016-01-01T00:00``; the others follow step by step."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        given = [name for name in ("coordinate", "pattern", "start") if getattr(self, name) is not None]
        numbered = self.pattern is not None and "{number}" in self.pattern
        if given != ["pattern", "start"] * numbered and (len(given) != 1 or numbered):
            what = "must have one of 'coordinate', 'pattern' and 'start'"
            raise PydanticCustomError("time", what, {"help": "a pattern with {number} has a 'start' beside it"})
        if self.pattern is not None and self.pattern.count("{number}") > 1:
            raise issue_at(("pattern",), "must have one {number}", "'*' stands for the other")
        for name in ("units", "calendar"):
            if getattr(self, name) is not None and self.coordinate is None:
                raise issue_at((name,), "has no effect without 'coordinate'", "leave it out")
        return self


class DatesCard(Settings):
    """The first moments of the later splits; what is earlier is for training."""

    val: Moment
    """When validation begins, such as ``2018-01-01``."""
    test: Moment
    """When the test split begins; later than ``val``."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not datetime.fromisoformat(self.val) < datetime.fromisoformat(self.test):
            raise issue_at(("test",), f"must be later than 'val', got '{self.test}'", "")
        return self


class NamesCard(Settings):
    """Names of files, folders or sequences by split; ``*`` stands for anything."""

    train: Patterns
    """To learn from."""
    val: Patterns
    """To choose the best model by."""
    test: Patterns
    """For the final score."""


class SplitCard(Settings):
    """How frames are divided: one of ``fractions``, ``dates``, ``names`` and ``lists``."""

    fractions: tuple[float, float, float] | None = None
    """Shares for training, validation and test, in this order; of the frames in time where there is one sequence, of
    the sequences in the order of files and names where there are several."""
    dates: DatesCard | None = None
    """By time."""
    names: NamesCard | None = None
    """By the names of files relative to the card, of their folders, or of sequences."""
    lists: NamesCard | None = None
    """By text files beside the card that hold one such name a line."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if sum(value is not None for value in (self.fractions, self.dates, self.names, self.lists)) != 1:
            help_ = "fractions: [0.7, 0.15, 0.15]"
            raise PydanticCustomError(
                "split", "must have one of 'fractions', 'dates', 'names' and 'lists'", {"help": help_}
            )
        if self.fractions and (min(self.fractions) <= 0 or abs(sum(self.fractions) - 1) > 1e-9):
            raise issue_at(("fractions",), "must be three shares above 0 that add up to 1", "[0.7, 0.15, 0.15]")
        return self


class WindowCard(Settings):
    """How many frames are seen and forecast."""

    past: Count
    """Input frames T."""
    future: Count
    """Forecast frames T'."""


class MaskCard(Settings):
    """Which pixels have a value, where another array says it: one for all frames (y, x), or one a frame."""

    files: Patterns | None = None
    """Files of the mask, relative to the card; by default the mask lies in the files of the values."""
    format: Format | None = None
    """What these files are; told by their suffix by default."""
    variable: Text = "mask"
    """Name of its array, in formats that have names."""
    dims: Annotated[tuple[Text, ...], Field(min_length=2)] | None = None
    """What each of its axes is, such as ``[y, x]`` or ``[time, y, x]``, where the file does not say it."""
    time: TimeCard | None = None
    """Where the times of a mask in several files come from, as for the values; they have to be those of the values."""
    valid: Annotated[tuple[float, ...], Field(min_length=1)]
    """Values of the mask where there is data, such as ``[1]``; elsewhere it is missing, in all channels."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        for name in ("format", "time"):
            if self.files is None and getattr(self, name) is not None:
                raise issue_at((name,), "has no effect without 'files'", "leave it out")
        return self


class ImportCard(Settings):
    """What a user's files hold, and the protocol their frames are used under."""

    name: Annotated[str, StringConstraints(pattern="^[a-z0-9][a-z0-9_-]*$")]
    """Name of the data set."""
    discipline: Text = "grid"
    """``traffic``, ``motion``, ``driving``, ``weather`` or a word of your own."""
    files: Patterns | None = None
    """Files to read, relative to the card; ``*`` stands for anything in a name, ``**`` for any folders."""
    format: Format | None = None
    """What the files are; told by their suffix by default."""
    variable: Text | None = None
    """Name of the array in the file that holds all channels."""
    dims: Annotated[tuple[Text, ...], Field(min_length=2)] | None = None
    """What each axis of the array is, in order: ``sequence``, ``time``, ``channel``, ``y``, ``x``; any other name is
    an axis of length 1, or one that ``select`` picks from. NetCDF, zarr with named axes, images and video need none."""
    select: dict[Text, float] = Field(default_factory=dict)
    """Of another axis, the value of its coordinate to take, or the place from 0 where it has none."""
    channels: Annotated[dict[Text, ChannelCard], Field(min_length=1)]
    """The channels by name, in their order."""
    time: TimeCard | None = None
    """Where times come from; by default from the time coordinate of NetCDF and zarr."""
    step: tuple[Count, Literal["ms", "s", "m", "h", "D", "M"]]
    """Count and unit of the time between frames, such as ``[30, m]``; ``m`` is a minute, ``M`` a calendar month."""
    sequence: Literal["all", "file", "folder"] | None = None
    """What is one unbroken run of frames: ``all`` files together, each ``file`` or each ``folder``. By default a
    video's file, an image's folder, and else all."""
    window: WindowCard
    """Frames of a window; a spec may ask for others."""
    split: SplitCard
    """How frames are divided into training, validation and test."""
    missing: Literal["error", "mask"] = "error"
    """Whether missing values stop the import, or take no part in loss and scores."""
    mask: MaskCard | None = None
    """Another array that says which pixels are missing, beside what ``fill_value`` and NaN say."""
    fill_value: float | None = None
    """A value of the array that means missing; NaN always does, and so does what NetCDF declares."""
    scale_factor: float = 1.0
    """Physical value = value of the array · scale_factor + add_offset; NetCDF's own packing is undone before."""
    add_offset: float = 0.0
    """See ``scale_factor``."""
    value_range: tuple[float, float] | None = None
    """Smallest and largest physical value there can be; others stop the import. PSNR and SSIM need it."""
    normalization: Literal["standard", "range"] = "standard"
    """``standard`` for mean and deviation of the training split, ``range`` for ``value_range`` onto [0, 1]."""
    longitude: Literal["keep", "wrap"] = "keep"
    """``wrap`` turns longitudes of 0 to 360° into −180 to 180°, sorted from west to east; ``keep`` leaves them."""
    cycles: dict[Text, Count] = Field(default_factory=dict)
    """Periods in steps, shortest first, such as ``{day: 48, week: 336}``; they give two baselines."""
    mirrors: tuple[Literal["y", "x", "diagonal"], ...] = ()
    """Axes along which a mirrored sequence is as likely as the sequence itself."""
    source: str = ""
    """Where the files come from."""
    licence: str = ""
    """On what terms."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        own = [name for name, channel in self.channels.items() if channel.files]
        if self.files is None and len(own) < len(self.channels):
            name = next(name for name in self.channels if name not in own)
            raise issue_at(("channels", name), "has no 'files', and neither has the card", "files: [data/*.nc]")
        if self.files is not None and len(own) == len(self.channels):
            raise issue_at(("files",), "has no effect: every channel has 'files' of its own", "leave it out")
        if own and self.sequence in ("file", "folder"):
            help_ = "sequence: all"
            raise issue_at(("sequence",), f"must be 'all' where a channel has 'files', got '{self.sequence}'", help_)
        if own and (self.split.names or self.split.lists or "sequence" in (self.dims or ())):
            help_ = "put the channels into the same files"
            raise issue_at(
                ("split",), "must go by fractions or dates of one sequence where a channel has 'files'", help_
            )
        if self.normalization == "range" and self.value_range is None:
            raise issue_at(("normalization",), "must have a 'value_range' to be 'range'", "value_range: [0, 1]")
        if self.value_range is not None and not self.value_range[0] < self.value_range[1]:
            raise issue_at(("value_range",), "must be a smaller and a larger value", "value_range: [0, 1]")
        if self.mask is not None and self.missing == "error":
            raise issue_at(("mask",), "has no effect while missing values stop the import", "missing: mask")
        if self.scale_factor == 0:
            raise issue_at(("scale_factor",), "must not be 0: every value would be the same", "")
        self._check_axes()
        return self

    def _check_axes(self) -> None:
        dims = self.dims or ()
        if "sequence" in dims and self.sequence is not None:
            raise issue_at(("sequence",), "has no effect: 'dims' has an axis 'sequence'", "leave it out")
        for name in dims:
            if dims.count(name) > 1:
                raise issue_at(("dims",), f"must be different, got '{name}' twice", "")
        if dims and not {"y", "x"} <= set(dims):
            raise issue_at(("dims",), "must have 'y' and 'x'", "dims: [time, y, x, channel]")
        roles = {"sequence", "time", "channel", "y", "x"}
        for name in self.select:
            if name in roles or (dims and name not in dims):
                raise issue_at(
                    ("select", name), "must be another axis of 'dims' than sequence, time, channel, y, x", ""
                )
        if dims and "channel" not in dims:
            for name, channel in self.channels.items():
                if channel.index is not None:
                    raise issue_at(("channels", name, "index"), "has no effect: 'dims' has no axis 'channel'", "")


def issue_at(place: tuple[str | int, ...], message: str, help: str) -> ValidationError:
    """Return an error that points at the value under ``place``."""
    error = PydanticCustomError("card", "{message}", {"message": message, "help": help})
    return ValidationError.from_exception_data("card", [InitErrorDetails(type=error, loc=place, input=None)])

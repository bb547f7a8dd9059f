"""What a conversion says while it runs."""

import io
from contextlib import suppress

import pytest
from rich.console import Console

from unistd.cli.conversion import Pace, showing_conversion
from unistd.core.data.progress import Progress


def said(*steps, error=None, terminal=False):
    """The lines said about a task ``rain`` while ``steps`` are reported."""
    file = io.StringIO()
    console = Console(file=file, force_terminal=terminal, width=80)
    with suppress(KeyboardInterrupt, OSError), showing_conversion(console) as report:
        for step in steps:
            report("rain", step)
        if error is not None:
            raise error
    return file.getvalue()


def test_a_conversion_that_goes_on_says_from_where_and_how_much_was_taken_over():
    began = "goes on from 2 shards that a stopped conversion wrote"
    start = Progress(done=20, total=60, taken=20, shards=2, frame=10, began=began)
    end = Progress(done=60, total=60, taken=20, shards=2, frame=10, files=1, began=began)
    assert said(start, end).splitlines() == [
        "converting the frames of 'rain' into a store",
        began,
        "making checksums of 1 raw file",
        "'rain': took over 2 shards, 20 of 60 frames",
    ]


def test_checksums_may_be_made_beside_the_first_shards():
    assert said(Progress(total=60, frame=10, files=3)).splitlines()[1:] == ["making checksums of 3 raw files"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError()])
def test_a_stop_says_that_what_is_written_is_kept(error):
    kept = "what is written of 'rain' is kept: the same command goes on from there"
    assert kept in said(Progress(done=10, total=60, frame=10), error=error)
    assert kept not in said(Progress(done=0, total=60, frame=10), error=error)


def test_the_bar_counts_bytes_of_raw_frames_that_were_not_there_before():
    shown = said(Progress(total=60, frame=1_000_000), terminal=True)
    assert "rain" in shown
    assert "0.0/60.0 MB" in shown
    shown = said(Progress(done=50, taken=40, total=60, frame=1_000_000), terminal=True)
    assert "10.0/20.0 MB" in shown


def test_the_pace_is_the_mean_since_the_beginning_with_the_time_left():
    class Half:
        completed, total, elapsed = 50e6, 200e6, 10.0

    assert Pace().render(Half).plain == "5.0 MB/s, 0:00:30 left"
    Half.completed = 0
    assert Pace().render(Half).plain == "… MB/s"

import gzip

import numpy as np
import pytest

from unistd.core.errors import DataError
from unistd.plugins.weather.fmi_radar import FmiRadar, block_mean

FIRST = {"20160928": "2016-09-28T14:45", "20170509": "2017-05-09T10:45"}


def stamps(event):
    times = np.datetime64(FIRST[event], "m") + 5 * np.arange(40)
    return [str(time).translate(str.maketrans("", "", "-T:")) for time in times]


def path_of(folder, stamp):
    return folder / stamp[:8] / f"{stamp}_fmi.radar.composite.lowest_FIN_SUOMI1.pgm.gz"


def content(pixels, obstime, magic="P5", depth=255, extra="# projection_name SUOMI1\n"):
    height, width = pixels.shape
    head = f"{magic}\n{extra}# obstime {obstime}\n# metersperpixel_x 999.5\n# metersperpixel_y 1000.5\n"
    return f"{head}# projection radar {{\n# }}\n{width} {height}\n{depth}\n".encode() + pixels.tobytes()


def write(folder, stamp, pixels, **change):
    path_of(folder, stamp).write_bytes(gzip.compress(content(pixels, **{"obstime": stamp, **change}), 1))


@pytest.fixture
def folder(tmp_path):
    for event in FIRST:
        (tmp_path / event).mkdir()
        for number, stamp in enumerate(stamps(event)):
            pixels = np.full((5, 7), 64 + number, np.uint8)
            pixels[0, 0] = 255
            pixels[4, 6] = 0
            write(tmp_path, stamp, pixels)
    return tmp_path


def test_bytes_become_dbz_with_no_data_missing_and_no_echo_at_zero(folder):
    events = list(FmiRadar(root=folder, coarsen=1).sequences())
    assert [event.name for event in events] == ["20160928", "20170509"]
    frames = events[0].frames.compute()
    assert frames.shape == (40, 1, 5, 7)
    np.testing.assert_array_equal(frames[:, 0, 2, 2], 0.5 * np.arange(40))
    assert np.isnan(frames[:, 0, 0, 0]).all()
    assert (frames[:, 0, 4, 6] == 0).all()
    assert events[0].y[0].tolist() == [-500.25, -1500.75, -2501.25, -3501.75, -4502.25]


def test_events_are_split_by_time_and_never_shared(folder):
    first, second = FmiRadar(root=folder, coarsen=1).sequences()
    assert first.split.tolist() == ["train"] * 20 + ["val"] * 20
    assert second.split.tolist() == ["test"] * 40
    assert str(second.times[-1]) == "2017-05-09T14:00"


def test_coarsening_leaves_out_what_fills_no_block(folder):
    event = next(iter(FmiRadar(root=folder, coarsen=2).sequences()))
    assert event.frames.shape == (40, 1, 2, 3)
    np.testing.assert_array_equal(event.frames[10, 0].compute(), np.full((2, 3), 5.0))
    assert len(event.y[0]) == 2
    assert event.x[0].tolist() == [999.5, 2998.5, 4997.5]


def test_a_block_is_the_mean_of_what_is_seen_and_missing_below_half():
    values = np.array([[1, 2, 9, 9], [3, 4, 9, 9], [1, 5, 1, 9], [9, 9, 9, 9]], np.float32)
    valid = values != 9
    np.testing.assert_array_equal(block_mean(values, valid, 2), np.float32([[2.5, np.nan], [3, np.nan]]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"obstime": "201609281555"}, "was observed at '201609281555', not when its name says"),
        ({"pixels": np.zeros((5, 8), np.uint8)}, "the frame has shape '(5, 8)' instead of (5, 7)"),
        ({"magic": "P2"}, "it does not begin with 'P5'"),
        ({"depth": 65535}, "the largest value is '65535' instead of 255"),
        ({"extra": "# 雨\n"}, "cannot be read as radar PGM"),
    ],
)
def test_a_frame_that_is_not_what_it_should_be_is_named(folder, change, message):
    stamp = stamps("20160928")[3]
    write(folder, stamp, **{"pixels": np.zeros((5, 7), np.uint8), **change})
    event = next(iter(FmiRadar(root=folder, coarsen=1).sequences()))
    with pytest.raises(DataError) as caught:
        event.frames.compute()
    assert str(caught.value).startswith(f"{path_of(folder, stamp)}: ")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "spoil", [lambda raw: raw[:-9], lambda raw: b"", lambda raw: gzip.compress(gzip.decompress(raw)[:-3])]
)
def test_a_truncated_frame_is_named(folder, spoil):
    path = path_of(folder, stamps("20170509")[0])
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(DataError, match=f"{path.name}: "):
        list(FmiRadar(root=folder, coarsen=1).sequences())


def test_a_missing_frame_or_event_is_named(folder):
    path_of(folder, stamps("20170509")[9]).unlink()
    with pytest.raises(DataError, match="no file '201705091130_fmi"):
        list(FmiRadar(root=folder, coarsen=1).sequences())
    (folder / "20160928").rename(folder / "aside")
    with pytest.raises(DataError, match="no folder with the raw files '20160928'"):
        list(FmiRadar(root=folder, coarsen=1).sequences())


def test_blocks_larger_than_the_frame_are_refused(folder):
    with pytest.raises(DataError, match="blocks of '8' pixels do not fit"):
        list(FmiRadar(root=folder).sequences())


def test_real_files_give_the_known_scores(real):
    event = next(iter(FmiRadar(root=real("fmi_radar"), coarsen=1).sequences()))
    assert event.frames.shape == (40, 1, 1226, 760)
    dbz = event.frames.compute()
    assert round(float(np.isnan(dbz[0]).mean()), 2) == 0.24
    rain = dbz >= 20
    for lag, csi in ((1, 0.62), (6, 0.42), (12, 0.34)):
        hits, any_rain = (rain[lag:] & rain[:-lag]).sum(), (rain[lag:] | rain[:-lag]).sum()
        assert round(float(hits / any_rain), 2) == csi

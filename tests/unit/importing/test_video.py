import sys

import numpy as np
import pytest

from unistd.core.errors import DataError

GREY = {"dims": None, "channels": {"grey": {"unit": "1"}}, "step": [40, "ms"]}


@pytest.fixture
def av():
    return pytest.importorskip("av", reason="av, of the extra 'import', is not installed")


def film(av, path, frames=24, codec="mpeg4"):
    """Write a film of a bright bar that moves a column a frame over a grey slope, with a key frame every ten."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 16, "yuv420p"
        stream.codec_context.gop_size = 10
        for i in range(frames):
            pixels = np.repeat(np.tile(np.arange(32, dtype=np.uint8), (16, 1))[:, :, None], 3, 2)
            pixels[:, i % 30 : i % 30 + 2] = 230
            for packet in stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)


def bar(frames):
    """Return the column the bar begins at in each frame."""
    across = frames.mean((1, 2))
    return (across[:, :-1] + across[:, 1:]).argmax(1).tolist()


@pytest.mark.parametrize("name", ["a.mp4", "a.avi"])
def test_each_film_is_a_sequence_read_from_key_frames(av, read, tmp_path, monkeypatch, name):
    monkeypatch.setattr("unistd.core.importing.field.PIECE", 7 * 16 * 32)  # seven frames at once
    for letter in "abcd":
        film(av, tmp_path / (letter + name))
    found = read(**GREY, files=["*" + name[1:]])
    assert [s.name for s in found] == [letter + name for letter in "abcd"]
    assert found[0].frames.shape == (24, 1, 16, 32)
    assert bar(found[2].frames) == list(range(24))
    assert str(found[0].times[-1]) == "2020-01-01T00:00:00.920"


def test_pieces_are_the_frames_of_the_whole(av, task, tmp_path, monkeypatch):
    film(av, tmp_path / "a.mp4")
    card = {**GREY, "files": ["a.mp4"], "sequence": "all", "channels": {c: {"unit": "1"} for c in "rgb"}}
    (whole,) = task(**card).sequences()
    monkeypatch.setattr("unistd.core.importing.field.PIECE", 7 * 16 * 32 * 3)
    (parts,) = task(**card).sequences()
    assert len(parts.frames.chunks[0]) == 4
    np.testing.assert_array_equal(whole.frames.compute(), parts.frames.compute())


def test_a_film_cut_by_copying_its_stream_has_the_frames_that_players_show(av, read, tmp_path, monkeypatch):
    monkeypatch.setattr("unistd.core.importing.field.PIECE", 7 * 16 * 32)
    film(av, tmp_path / "a.mp4")
    with av.open(str(tmp_path / "a.mp4")) as source, av.open(str(tmp_path / "b.mp4"), "w") as cut:
        stream = source.streams.video[0]
        copy, back = cut.add_stream_from_template(stream), round(0.2 / stream.time_base)  # five frames
        for packet in source.demux(stream):
            if packet.dts is not None:
                packet.pts, packet.dts, packet.stream = packet.pts - back, packet.dts - back, copy
                cut.mux(packet)
    (found,) = read(**GREY, files=["b.mp4"])
    assert bar(found.frames) == list(range(5, 24))


def test_a_film_cut_short_is_named(av, read, tmp_path):
    film(av, tmp_path / "a.avi", frames=60)
    path = tmp_path / "a.avi"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DataError, match=r"a\.avi: "):
        read(**GREY, files=["a.avi"])


def test_without_av_the_extra_is_named(read, tmp_path, monkeypatch):
    (tmp_path / "a.mp4").write_bytes(b"x")
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(DataError, match=r"video needs the package 'av'\n  help: pip install 'unistd\[import\]'"):
        read(**GREY, files=["a.mp4"])

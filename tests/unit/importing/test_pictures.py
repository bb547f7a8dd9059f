import gzip

import imageio.v3 as iio
import numpy as np
import pytest
from PIL import Image

from unistd.core.errors import DataError

FRAMES = {"dims": None, "channels": {"grey": {"unit": "1"}}}
COLOURS = {name: {"unit": "1"} for name in ("red", "green", "blue")}


@pytest.fixture
def pictures(tmp_path):
    """Write folders of pictures and return their pixels by name."""

    def make(folders=("a", "b", "c", "d"), count=3, shape=(5, 6), dtype=np.uint8, suffix=".png", numbers=None):
        pixels = np.random.default_rng(0).integers(0, 255, (len(folders), count, *shape)).astype(dtype)
        for folder, frames in zip(folders, pixels, strict=True):
            (tmp_path / folder).mkdir()
            for number, frame in zip(numbers or range(count), frames, strict=True):
                iio.imwrite(tmp_path / folder / f"image_{number}{suffix}", frame)
        return pixels

    return make


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_each_folder_is_a_sequence(pictures, read, dtype):
    pixels = pictures(dtype=dtype)
    found = read(**FRAMES, files=["*/*.png"])
    assert [s.name for s in found] == ["a", "b", "c", "d"]
    assert found[0].frames.dtype == dtype
    np.testing.assert_array_equal(np.stack([s.frames[:, 0] for s in found]), pixels)
    assert len(found[3].files) == 3


def test_colours_are_channels(pictures, read):
    pixels = pictures(shape=(5, 6, 3))
    found = read(**{**FRAMES, "channels": COLOURS}, files=["*/*.png"])
    np.testing.assert_array_equal(found[1].frames, pixels[1].transpose(0, 3, 1, 2))
    grey = read(dims=None, channels={"grey": {"unit": "1", "index": 1}}, files=["*/*.png"])
    np.testing.assert_array_equal(grey[1].frames[:, 0], pixels[1, ..., 1])


def test_jpg_is_read_as_pillow_does(pictures, read, tmp_path):
    pictures(shape=(16, 16, 3), suffix=".jpg")
    found = read(**{**FRAMES, "channels": COLOURS}, files=["*/*.jpg"])
    np.testing.assert_array_equal(found[0].frames[1], iio.imread(tmp_path / "a" / "image_1.jpg").transpose(2, 0, 1))


def packed(pictures, folder):
    """Pack every picture by gzip, and return its pixels as before."""
    pixels = pictures(suffix=".pgm")
    for path in folder.glob("*/*.pgm"):
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    return pixels


def test_pictures_packed_by_gzip_are_read(pictures, read, tmp_path):
    pixels = packed(pictures, tmp_path)
    found = read(**FRAMES, files=["*/*.pgm.gz"])
    np.testing.assert_array_equal(np.stack([s.frames[:, 0] for s in found]), pixels)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (gzip.compress(b"P5 6 5 255 " + bytes(30))[:-12], r"image_1\.pgm\.gz: cannot be read"),
        (b"P5 6 5 255 " + bytes(30), r"image_1\.pgm\.gz: cannot be read"),
        (gzip.compress(b"P5\n#" + bytes(2000)), r"image_1\.pgm\.gz: unpacks to more than '1000' bytes"),
    ],
    ids=["cut short", "not packed", "endless"],  # what is packed holds the time
)
def test_a_damaged_or_endless_packed_picture_is_named(pictures, read, tmp_path, monkeypatch, content, message):
    monkeypatch.setattr("unistd.core.importing.pictures.MAX_UNPACKED", 1000)
    packed(pictures, tmp_path)
    (tmp_path / "a/image_1.pgm.gz").write_bytes(content)
    with pytest.raises(DataError, match=message):
        read(**FRAMES, files=["*/*.pgm.gz"])


def test_a_number_left_out_is_a_gap(pictures, read):
    pictures(numbers=[7, 8, 11])
    time = {"pattern": "image_{number}.png", "start": "2000-01-01"}
    found = read(**{**FRAMES, "time": time}, files=["*/*.png"])
    assert (np.diff(found[0].times) / np.timedelta64(1, "h")).tolist() == [1, 3]


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:60]), "cannot be read: "),
        (lambda path: path.write_bytes(b"no picture"), "cannot be read: "),
        (lambda path: Image.new("P", (6, 5)).save(path), "the image has mode 'P'\n  help: save it as"),
        (lambda path: Image.new("RGB", (6, 5)).save(path), "the array has 3 channels, the card says 'grey'"),
        (lambda path: Image.new("L", (7, 5)).save(path), "has a grid of '(5, 7)', 'b/image_0.png' has (5, 6)"),
        (lambda path: path.rename(path.with_name("x.png")), "the name 'x.png' does not match the pattern 'image_"),
    ],
)
def test_a_picture_that_is_not_like_the_others_is_named(pictures, read, tmp_path, break_it, message):
    pictures()
    path = tmp_path / "b" / "image_1.png"
    break_it(path)
    with pytest.raises(DataError) as caught:
        read(**{**FRAMES, "time": {"pattern": "image_{number}.png", "start": "2000-01-01"}}, files=["*/*.png"])
    assert str(caught.value).startswith(f"{tmp_path / 'b'}")
    assert message in str(caught.value)


@pytest.fixture
def tifffile():
    return pytest.importorskip("tifffile", reason="tifffile, of the extra 'import', is not installed")


def geotiff(tifffile, path, pixels, nodata=None):
    tags = [(33550, "d", 3, (0.5, 0.25, 0.0)), (33922, "d", 6, (0.0, 0.0, 0.0, 10.0, 50.0, 0.0))]
    tags += [(42113, "s", 0, nodata)] if nodata else []
    tifffile.imwrite(path, pixels, extratags=tags, planarconfig="contig" if pixels.ndim == 3 else None)


@pytest.mark.parametrize("bands", [(), (3,)])
def test_geotiff_with_coordinates_of_pixel_centres(tifffile, read, noise, tmp_path, bands):
    values = noise(4, 5, 6, *bands)
    for day in range(4):
        geotiff(tifffile, tmp_path / f"2021010{day + 1}.tif", values[day])
    channels = COLOURS if bands else {"grey": {"unit": "1"}}
    (found,) = read(dims=None, channels=channels, files=["*.tif"], time={"pattern": "%Y%m%d.tif"}, step=[1, "D"])
    np.testing.assert_array_equal(found.frames, values.transpose(0, 3, 1, 2) if bands else values[:, None])
    assert found.x[0][:2].tolist() == [10.25, 10.75]
    assert found.y[0][:2].tolist() == [49.875, 49.625]
    assert str(found.times[3]) == "2021-01-04T00:00:00.000"


def test_geotiff_s_missing_value_has_to_be_the_card_s(tifffile, read, noise, tmp_path):
    geotiff(tifffile, tmp_path / "20210101.tif", noise(5, 6), nodata="-9999")
    card = {**FRAMES, "files": ["*.tif"], "time": {"pattern": "%Y%m%d.tif"}}
    with pytest.raises(DataError, match=r"20210101\.tif: says '-9999' means missing, the card's fill_value is None\n"):
        read(**card)
    assert len(read(**card, fill_value=-9999, missing="mask")) == 1


def test_geotiff_s_missing_value_is_that_of_its_type(tifffile, read, noise, tmp_path):
    card = {**FRAMES, "files": ["*.tif"], "time": {"pattern": "%Y%m%d.tif"}, "missing": "mask"}
    geotiff(tifffile, tmp_path / "20210101.tif", noise(5, 6), nodata="-3.4028234663852886e+38")
    with pytest.raises(DataError, match=r"help: fill_value: -3\.4028234663852886e\+38, and"):
        read(**card, fill_value=-3.4e38)
    assert len(read(**card, fill_value=-3.4028234663852886e38)) == 1
    geotiff(tifffile, tmp_path / "20210101.tif", noise(5, 6, dtype=np.uint8), nodata="-9999")  # none can be
    assert len(read(**card)) == 1


def test_without_tifffile_the_extra_is_named(tifffile, read, noise, tmp_path, monkeypatch):
    geotiff(tifffile, tmp_path / "20210101.tif", noise(5, 6))
    monkeypatch.setitem(__import__("sys").modules, "tifffile", None)
    with pytest.raises(
        DataError, match=r"GeoTIFF needs the package 'tifffile'\n  help: pip install 'unistd\[import\]'"
    ):
        read(**FRAMES, files=["*.tif"], time={"pattern": "%Y%m%d.tif"})

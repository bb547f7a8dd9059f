import shutil

import h5py
import numpy as np
import pytest
from PIL import Image

from unistd.core.data.prepare import prepare
from unistd.core.data.windows import Windows
from unistd.core.errors import DataError
from unistd.plugins.driving.cityscapes import Cityscapes
from unistd.plugins.driving.images import square

# City, recording, number of its first frame: two snippets next to one another in one recording, one with large numbers.
SNIPPETS = {
    "train": [("aachen", 0, 0), ("aachen", 0, 30), ("hanover", 0, 145)],
    "val": [("munster", 7, 0)],
    "test": [("bonn", 1, 0), ("bonn", 2, 0)],
}


def frame(level):
    """A 12×6 image whose central square has one colour; its margins have another."""
    pixels = np.full((6, 12, 3), 7)
    pixels[:, 3:9] = (level, 2 * level, 255 - level)
    return pixels


def png(folder, split, city, recording, number):
    name = f"{city}_{recording:06d}_{number:06d}_leftImg8bit.png"
    return folder / "leftImg8bit_sequence" / split / city / name


@pytest.fixture
def tree(tmp_path, save):
    for split, snippets in SNIPPETS.items():
        for city, recording, first in snippets:
            for i in range(30):
                save(png(tmp_path, split, city, recording, first + i), frame(first % 50 + i))
    return tmp_path


@pytest.fixture
def shards(tmp_path):
    """What MCVD's conversion writes; its video 10 comes after video 2, but names are in order of letters."""
    for split, videos in (("train", (0, 2, 10)), ("val", (0,)), ("test", (0,))):
        folder = tmp_path / "Cityscapes128_h5" / split
        folder.mkdir(parents=True)
        with h5py.File(folder / "shard_0001.hdf5", "w") as file:
            file.create_group("len")
            file.create_group("videos")
            for video in videos:
                file["len"].create_dataset(str(video), data=30)
                group = file.create_group(str(video))
                for i in range(30):
                    pixels = np.full((128, 128, 3), (i, video, 5), np.uint8)
                    group.create_dataset(str(i), data=pixels, dtype="uint8", compression="lzf")
    return tmp_path


def test_a_snippet_is_the_central_square_of_thirty_frames(tree):
    sequences = list(Cityscapes(root=tree).sequences())
    assert [s.split for s in sequences] == ["train"] * 3 + ["val"] + ["test"] * 2
    assert sequences[1].name == "aachen_000000_000030"
    frames = sequences[1].frames.compute()
    assert (frames.shape, frames.dtype) == ((30, 3, 128, 128), np.uint8)
    levels = 30 + np.arange(30)
    np.testing.assert_array_equal(frames[:, :, 64, 64], np.stack([levels, 2 * levels, 255 - levels], 1))
    assert (frames == frames[:, :, :1, :1]).all()  # nothing of the margins
    assert sequences[2].files[0].endswith("hanover_000000_000145_leftImg8bit.png")


def test_the_filter_is_that_of_the_conversion():
    pixels = np.random.default_rng(0).integers(0, 256, (64, 130, 3)).astype(np.uint8)
    cut = pixels[64 // 2 - 32 : 64 // 2 + 32, 130 // 2 - 32 : 130 // 2 + 32]
    expected = Image.fromarray(cut).resize((16, 16), Image.Resampling.LANCZOS)
    np.testing.assert_array_equal(square(Image.fromarray(pixels), 16), expected)


@pytest.mark.parametrize(
    ("protocol", "val"), [("unistd", [90]), ("predbench", [90, 95, 100])], ids=["unistd", "predbench"]
)
def test_windows_begin_where_the_protocol_says(tree, windows, protocol, val):
    starts = windows(Cityscapes(root=tree, protocol=protocol))
    assert starts["train"].tolist() == [0, 5, 10, 30, 35, 40, 60, 65, 70]
    assert starts["val"].tolist() == val
    assert starts["test"].tolist() == [120, 150]


def test_hdf5_of_the_conversion_gives_its_videos_in_order(shards, windows):
    task = Cityscapes(root=shards)
    sequences = list(task.sequences())
    assert [s.name for s in sequences[:3]] == [f"train/shard_0001.hdf5, video {i}" for i in (0, 2, 10)]
    frames = sequences[2].frames.compute()
    np.testing.assert_array_equal(frames[:, 0, 3, 9], np.arange(30))
    assert (frames[:, 1] == 10).all()
    assert {split: len(starts) for split, starts in windows(task).items()} == {"train": 9, "val": 1, "test": 1}


def test_a_store_gives_windows_in_shares_of_full_brightness(shards, tmp_path):
    store = prepare(Cityscapes(root=shards), tmp_path / "s.zarr")
    past, future = Windows(store, "train", 10, 10).read([4])  # of the second video, from frame 5
    assert past.shape == future.shape == (1, 10, 3, 128, 128)
    np.testing.assert_allclose(past[0, :, :, 9, 9] * 255, [[5 + i, 2, 5] for i in range(10)], atol=1e-4)
    np.testing.assert_allclose(future[0, :, 0, 0, 0] * 255, np.arange(15, 25), atol=1e-4)
    assert (store.offset.tolist(), store.scale.tolist()) == ([0, 0, 0], [1, 1, 1])


def test_the_tree_itself_can_be_the_root(tree):
    assert len(list(Cityscapes(root=tree / "leftImg8bit_sequence").sequences())) == 6


def refuse(root, message, where):
    with pytest.raises(DataError) as caught:
        for sequence in Cityscapes(root=root).sequences():
            sequence.frames.compute()
    assert message in str(caught.value)
    assert str(where) in str(caught.value)


def test_a_missing_frame_is_named_by_the_one_before(tree):
    png(tree, "train", "hanover", 0, 150).unlink()
    refuse(tree, "a snippet ends after '5' frames instead of 30", png(tree, "train", "hanover", 0, 149))
    png(tree, "train", "aachen", 0, 59).unlink()
    refuse(tree, "a snippet ends after '29' frames instead of 30", png(tree, "train", "aachen", 0, 58))


def test_a_damaged_grey_or_small_frame_is_named(tree, save):
    path = png(tree, "val", "munster", 7, 4)
    whole = path.read_bytes()
    path.write_bytes(whole[:60])
    refuse(tree, "cannot be read as an image", path)
    path.write_bytes(whole[:45] + bytes([whole[45] ^ 255]) + whole[46:])
    refuse(tree, "cannot be read as an image", path)
    save(path, np.zeros((6, 12)))
    refuse(tree, "the image has mode 'L' instead of RGB", path)
    save(path, np.zeros((6, 10, 3)))
    refuse(tree, "the image has '10×6' pixels instead of 12×6", path)


def test_a_split_without_files_and_two_trees_are_refused(tree, shards):
    refuse(tree, "'leftImg8bit_sequence' and 'Cityscapes128_h5' are both there", tree)
    shutil.rmtree(tree / "Cityscapes128_h5")
    shutil.rmtree(tree / "leftImg8bit_sequence" / "test" / "bonn")
    refuse(tree, "no frame '<city>/<city>_<sequence>_<frame>_leftImg8bit.png' and no '*.hdf5'", "test")
    shutil.rmtree(tree / "leftImg8bit_sequence" / "test")
    refuse(tree, "no folder with the raw files 'test'", "test")


def test_a_video_that_is_not_what_it_should_be_is_named(shards):
    path = shards / "Cityscapes128_h5" / "train" / "shard_0001.hdf5"
    with h5py.File(path, "a") as file:
        del file["2"]["29"]
    refuse(shards, "video '2' holds '29' frames and says 30", path)
    with h5py.File(path, "a") as file:
        file["2"].create_dataset("29", data=np.zeros((64, 64, 3), np.uint8))
    refuse(shards, "frame 29 of video '2' has shape '(64, 64, 3)'", path)
    path.write_bytes(path.read_bytes()[:500])
    refuse(shards, "cannot be read as MCVD's videos", path)

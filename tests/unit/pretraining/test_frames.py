import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from unistd.core.data.schedule import JointSchedule
from unistd.core.errors import DataError, UsageError
from unistd.core.pretraining.images import image_source
from unistd.core.pretraining.labels import LabelClassifier
from unistd.core.pretraining.reader import StillReader, held_out
from unistd.core.pretraining.stills import store_source
from unistd.core.training.settings import Uniform
from unistd.registry.compose import compose_task, open_stores
from unistd.registry.registry import Registry


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Shapes of 12×12 pixels in three splits."""
    registry = Registry.discover()
    choice = registry.choose("task", "synthetic-motion")
    small = {
        "height": 12,
        "width": 12,
        "train": 3,
        "val": 2,
        "test": 2,
        "store": tmp_path_factory.mktemp("a") / "s.zarr",
    }
    choice = type(choice)(choice.kind, choice.config.model_copy(update=small))
    return open_stores({"shapes": compose_task("shapes", choice, registry)})["shapes"]


def reader(sources, batch=3, seed=0, steps=20):
    sizes = {name: len(own.train) for name, own in sources.items()}
    equal = dict.fromkeys(sizes, 1.0)
    batches = dict.fromkeys(sizes, batch)
    schedule = JointSchedule(sizes, weights=equal, sampling=Uniform(), steps=steps, seed=seed, batches=batches)
    return StillReader(sources, schedule)


def test_parts_are_the_splits_and_the_test_split_is_neither(store):
    source = store_source("shapes", store, 4, None)
    for part, split in (("train", 0), ("val", 1)):
        starts = getattr(source, part).windows.starts
        assert set(store.split[starts]) == {split}
        assert len(starts) == (store.split == split).sum()


def test_frames_are_normalised_by_the_store(store):
    source = store_source("shapes", store, 4, None)
    (batch,) = held_out("shapes", source, 4, 4)
    frame = store.read(int(source.val.windows.starts[batch.indices[-1]]), len(store))[0]
    wanted = (frame - store.offset[:, None, None]) / store.scale[:, None, None]
    assert np.allclose(batch.frames[-1], wanted)


def test_a_step_is_a_pure_function(store, folder):
    sources = {"shapes": store_source("shapes", store, 4, 5), "photos": image_source("photos", folder, 4, 8)}
    one, other, third = reader(sources), reader(sources), reader(sources, seed=1)
    for step in (7, 3, 7):
        first, second = one.read(step), other.read(step)
        assert (first.source, first.number) == (second.source, second.number)
        assert torch.equal(first.frames, second.frames)
    assert {one.read(step).source for step in range(20)} == {"shapes", "photos"}
    assert len({one.read(step).number for step in range(20)} | {third.read(step).number for step in range(20)}) == 40


def test_a_crop_is_a_part_of_its_frame_at_many_places(store):
    source = store_source("shapes", store, 4, 5)
    whole = store_source("shapes", store, 4, None).train.read(np.zeros(1, np.int64), np.zeros((1, 2)))[0]
    at = np.random.default_rng(0).random((200, 2))
    parts = source.train.read(np.zeros(200, np.int64), at)
    corners = np.floor(at * 8).astype(int)
    assert len(set(map(tuple, corners.tolist()))) > 55  # of 64
    for part, (y, x) in zip(parts, corners, strict=True):
        assert torch.equal(part, whole[:, y : y + 5, x : x + 5])
    edges = source.train.read(np.zeros(2, np.int64), np.array([[0.0, 0.0], [1.0, 1.0]]))
    assert torch.equal(edges[1], whole[:, 7:, 7:])


def test_a_crop_that_leaves_nothing_out_is_refused(store):
    with pytest.raises(UsageError, match="crop '12' of 'shapes' has no effect: its frames are 12×12 pixels"):
        store_source("shapes", store, 4, 12)


def test_a_tenth_of_each_label_is_held_out_by_name(folder):
    source = image_source("photos", folder, 4, 8)
    assert (len(source.train), len(source.val), source.labels) == (18, 2, ("blue", "red"))
    assert not set(source.train.files) & set(source.val.files)
    for part in (source.train, source.val):
        assert [source.labels[label] for label in part.labels] == [file.parent.name for file in part.files]


def test_pictures_are_squares_from_minus_one_to_one(folder):
    source = image_source("photos", folder, 4, 8)
    (batch,) = held_out("photos", source, 2, 2)
    assert batch.frames.shape == (2, 3, 8, 8)
    for frame, label in zip(batch.frames, batch.labels, strict=True):
        own = 0 if source.labels[label] == "red" else 2
        assert frame[own].mean() > 0.3
        assert frame[2 - own].mean() < -0.5


def test_cropping_moves_over_the_longer_side_only(tmp_path):
    ramp = np.tile(np.arange(40, dtype=np.uint8)[None, :, None], (20, 1, 3))
    (tmp_path / "flat").mkdir()
    for name in "ab":
        Image.fromarray(ramp).save(tmp_path / "flat" / f"{name}.png")
    source = image_source("photos", tmp_path / "flat", 4, 20)
    left, right = source.train.read(np.zeros(2, np.int64), np.array([[0.9, 0.0], [0.1, 1.0]])) * 255
    assert torch.equal(left[0, 0], torch.arange(20.0))
    assert torch.equal(right[0, 0], torch.arange(20.0, 40.0))
    assert source.labels == ()


def test_a_file_that_is_no_picture_is_named(folder):
    (folder / "red" / "0.png").write_text("no picture")
    source = image_source("photos", folder, 4, 8)
    parts = [(part, i) for part in (source.train, source.val) for i, f in enumerate(part.files) if f.stem == "0"]
    part, index = next((part, i) for part, i in parts if part.files[i].parent.name == "red")
    with pytest.raises(DataError, match=r"'0\.png' cannot be read as a picture") as error:
        part.read(np.array([index]), np.full((1, 2), 0.5))
    assert error.value.where.endswith("red/0.png")


def test_folders_without_enough_pictures_are_refused(folder, tmp_path):
    with pytest.raises(DataError, match=r"there is no folder '.*none' with the images of 'photos'"):
        image_source("photos", tmp_path / "none", 4, 8)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="it has fewer than 2 pictures") as error:
        image_source("photos", tmp_path / "empty", 4, 8)
    assert ".png, .jpg" in error.value.help
    for number in range(1, 10):
        (folder / "red" / f"{number}.png").unlink()
    with pytest.raises(DataError, match="'red' in it has fewer than 2 pictures"):
        image_source("photos", folder, 4, 8)


def test_labels_need_folders(folder, trunk):
    shutil.copy(folder / "red" / "0.png", folder / "loose.png")
    shutil.copy(folder / "red" / "0.png", folder / "looser.png")
    for own in (image_source("photos", folder, 4, 8), image_source("photos", folder / "red", 4, 8)):
        with pytest.raises(DataError, match="images of 'photos' do not all lie in one of two or more label") as error:
            LabelClassifier(trunk, {"photos": own})
        assert "<folder>/<label>/<file>" in error.value.help


def test_the_reference_of_labels_is_their_frequencies(folder, trunk):
    source = image_source("photos", folder, 4, 8)
    found = LabelClassifier(trunk, {"photos": source}).held_out(held_out("photos", source, 2, 1))
    assert found.reference == pytest.approx(np.log(2))
    assert found.accuracy in (0.0, 0.5, 1.0)


def test_pictures_of_16_bits_keep_their_shades_and_of_an_unknown_range_are_refused(tmp_path):
    shades = np.linspace(0, 65535, 64 * 64).reshape(64, 64)
    for name in "ab":
        Image.fromarray(shades.astype(np.uint16)).save(tmp_path / f"{name}.png")
    wanted = (shades // 257 / 255).astype(np.float32)
    source = image_source("photos", tmp_path, 8, 64)
    (frame,) = source.train.read(np.zeros(1, int), np.zeros((1, 2)))
    np.testing.assert_allclose(frame, np.broadcast_to(wanted, (3, 64, 64)), atol=1e-6)
    for name in "ab":
        Image.fromarray(shades.astype(np.float32)).save(tmp_path / f"{name}.tif")
        (tmp_path / f"{name}.png").unlink()
    with pytest.raises(DataError, match=r"'.\.tif' has values of mode 'F', whose range nobody knows"):
        image_source("photos", tmp_path, 8, 64).train.read(np.zeros(1, int), np.zeros((1, 2)))

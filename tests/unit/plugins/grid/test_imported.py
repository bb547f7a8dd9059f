import numpy as np
import pytest

from unistd.core.data.prepare import prepare
from unistd.core.errors import DataError
from unistd.core.importing.card import ImportCard
from unistd.core.importing.task import ImportedTask
from unistd.core.task import Channel, FrameSequence, Task, TaskCard, Window
from unistd.plugins.grid.imported import Imported
from unistd.registry.compose import compose_task, open_stores
from unistd.registry.registry import Registry
from unistd.registry.spec import load_spec

FRAMES = np.random.default_rng(0).normal(size=(24, 3, 4)).astype(np.float32)


class Rain(Task):
    card = TaskCard(
        name="rain",
        discipline="weather",
        version="1",
        channels=(Channel(name="rain", unit="mm"),),
        step=(1, "h"),
        window=Window(past=2, future=1),
    )

    def sequences(self):
        times = np.datetime64("2020-01-01", "h") + np.arange(24)
        split = np.repeat(["train", "val", "test"], 8)
        yield FrameSequence(name="rain", frames=FRAMES[:, None], times=times, split=split)


@pytest.fixture
def store(tmp_path):
    np.save(tmp_path / "waves.npy", FRAMES)
    card = ImportCard(
        name="waves",
        files=["waves.npy"],
        dims=["time", "y", "x"],
        channels={"height": {"unit": "m"}},
        time={"start": "2020-01-01"},
        step=[1, "h"],
        window={"past": 3, "future": 2},
        split={"fractions": [0.5, 0.25, 0.25]},
        cycles={"day": 24},
    )
    prepare(ImportedTask(card, tmp_path), tmp_path / "waves.zarr")
    return tmp_path / "waves.zarr"


def test_the_card_is_the_store_s(store, built_in_spec):
    registry = Registry.discover()
    spec = load_spec(built_in_spec, registry, [f"tasks.waves={{kind: grid, store: {store}}}"])
    own = compose_task("waves", spec.tasks["waves"], registry)
    assert own.window == Window(past=3, future=2)
    assert own.unit == "m"
    assert own.task.card.cycles[0].steps == 24
    (opened,) = open_stores({"waves": own}).values()
    np.testing.assert_array_equal(opened.read(0, 24)[:, 0], FRAMES)


def test_a_store_that_is_not_there(tmp_path):
    with pytest.raises(DataError) as caught:
        _ = Imported(store=tmp_path / "gone.zarr").card
    assert str(caught.value) == (
        f"{tmp_path / 'gone.zarr'}: there is no store 'gone.zarr'\n"
        "  help: unistd data import CARD.yaml --out STORE makes one"
    )


def test_a_folder_that_is_no_store(tmp_path):
    (tmp_path / "x.zarr").mkdir()
    with pytest.raises(DataError, match=r"'x\.zarr' is not a store"):
        _ = Imported(store=tmp_path / "x.zarr").card


def test_a_store_of_another_task_keeps_its_protocol(tmp_path):
    prepare(Rain(), tmp_path / "rain.zarr")
    with pytest.raises(
        DataError, match="the store holds task 'rain' and was not imported by a card\n  help: write 'kind: rain'"
    ):
        _ = Imported(store=tmp_path / "rain.zarr").card


@pytest.fixture
def built_in_spec(tmp_path):
    path = tmp_path / "spec.yaml"
    backbone = "{kind: timm-vit, variant: vit_tiny_patch16_224, pretrained: false}"
    path.write_text(f"name: x\nmodel: {{backbone: {backbone}}}\ntasks: {{}}\noutput: run\n")
    return path

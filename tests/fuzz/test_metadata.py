"""Stores, checkpoints, weights and raw files from strangers: an answer or an error of ours, never anything else."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import shutil
import struct

import numpy as np
import pytest
import torch
import zarr
from hypothesis import strategies as st
from safetensors.torch import save

from unistd.core.data.prepare import prepare
from unistd.core.data.store import Store, stored_bytes
from unistd.core.errors import UnistdError
from unistd.core.importing.task import ImportedTask
from unistd.core.task import SPLITS, Channel, FrameSequence, Task, TaskCard, Window
from unistd.core.training.checkpoint import Checkpoint, CheckpointFolder
from unistd.core.training.trunk_file import load_trunk
from unistd.plugins.backbone_vit.weights import read_weights
from unistd.plugins.driving.norpix import HEADER, MAGIC, NAME, read_index
from unistd.plugins.motion.moving_digits import read_digits
from unistd.plugins.motion.tfrecord import bytes_features, count_records, masked_crc, read_records
from unistd.plugins.traffic.clips import npz_clips
from unistd.plugins.weather.pgm import read_pgm
from unistd.registry.import_card import load_card

CARD = {
    "name": "waves",
    "files": ["*.npy"],
    "dims": ["time", "y", "x"],
    "channels": {"height": {"unit": "m"}},
    "time": {"start": "2020-01-01"},
    "step": [1, "h"],
    "window": {"past": 2, "future": 1},
    "split": {"fractions": [0.5, 0.25, 0.25]},
}


class Tiny(Task):
    card = TaskCard(
        name="tiny",
        discipline="none",
        version="1",
        channels=(Channel(name="a", unit="1"),),
        step=(1, "h"),
        window=Window(past=2, future=1),
    )

    def sequences(self):
        for number, split in enumerate(SPLITS):
            frames = np.arange(72, dtype="f4").reshape(6, 1, 3, 4)
            times = np.datetime64("2020-01-01", "h") + 100 * number + np.arange(6)
            y = (np.arange(3.0), {"units": "m"})
            yield FrameSequence(name=split, frames=frames, times=times, split=split, y=y)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return prepare(Tiny(), tmp_path_factory.mktemp("store") / "s.zarr").path


@pytest.mark.parametrize("part", ["", "frames", "time", "split", "y"])
def test_what_stores_say(part, examples, store, tmp_path, hammer, odd):
    head = store / part / "zarr.json"
    valid = json.loads(head.read_text())
    own = tmp_path / "s.zarr"

    def read(document):
        shutil.rmtree(own, ignore_errors=True)
        shutil.copytree(store, own)
        if not part and isinstance(facts := document.get("attributes"), dict) and isinstance(facts.get("unistd"), dict):
            facts["unistd"]["bytes"] = stored_bytes(own)
        (own / part / "zarr.json").write_text(json.dumps(document))
        if part:
            group = json.loads((own / "zarr.json").read_text())
            group["attributes"]["unistd"]["bytes"] = stored_bytes(own)
            (own / "zarr.json").write_text(json.dumps(group))
        opened = Store.open(own)
        opened.read(0, 3)

    read(json.loads(json.dumps(valid)))
    hammer(examples // 2, odd.document(valid), read)


@pytest.fixture
def imported(tmp_path):
    folder = tmp_path / "cards"
    folder.mkdir()

    def read(**changes):
        (folder / "card.yaml").write_text(json.dumps({**CARD, **changes}))
        task = ImportedTask(load_card(folder / "card.yaml"), folder)
        for sequence in task.sequences():
            sequence.frames.compute(scheduler="sync")

    read.folder = folder
    return read


def arrays(kind):
    held = io.BytesIO()
    frames = np.arange(144, dtype="<i2").reshape(9, 4, 4)
    if kind == "npy":
        np.save(held, frames)
    else:
        np.savez_compressed(held, height=frames)
    return held.getvalue()


@pytest.mark.parametrize("kind", ["npy", "npz"])
def test_bytes_of_arrays(kind, examples, imported, hammer, odd):
    path = imported.folder / f"a.{kind}"

    def read(data):
        path.write_bytes(data)
        imported(files=[path.name])

    read(arrays(kind))
    hammer(examples, odd.bytes(arrays(kind), (b"99999999999999, ", b"'|O'", b"True", b"-1, ")), read)
    if kind == "npz":
        hammer(
            examples,
            odd.bytes(arrays(kind)),
            lambda data: (path.write_bytes(data), npz_clips(path, ("height",), (4, 4, 1))),
        )


@pytest.mark.parametrize("version", [2, 3])
def test_heads_of_zarr(version, examples, imported, tmp_path, hammer, odd):
    path = imported.folder / "a.zarr"
    group = zarr.open_group(path, mode="w", zarr_format=version)
    group.create_array("height", shape=(9, 4, 4), chunks=(3, 4, 4), dtype="f4")[:] = 1
    head = path / "height" / (".zarray" if version == 2 else "zarr.json")

    def read(document):
        head.write_text(json.dumps(document))
        imported(files=["a.zarr"])

    valid = json.loads(head.read_text())
    read(valid)
    hammer(examples // 2, odd.document(valid), read)


@pytest.mark.parametrize("file", ["state.json", "manifest.json", "model.safetensors", "optimizer.safetensors"])
def test_checkpoints(file, examples, tmp_path, hammer, odd):
    folder = CheckpointFolder(tmp_path / "checkpoints")
    state = {
        "best": {"step": 7, "score": 1.0},
        "tally": {"streak": 0, "pending": {"a": [[1, [2], 0.5, 0.1]]}},
        "next": {"task": "a", "windows": [1]},
        "versions": {"plugins": {"unistd": "0.1.0"}},
        "run": "ab",
        "ranks_fixed": False,
    }
    tensors = {"model": {"w": torch.ones(3)}, "optimizer": {"step/w": torch.ones(())}}
    at = folder.save(Checkpoint(step=7, tensors=tensors, state=state), keep=1)
    manifest = json.loads((at / "manifest.json").read_text())

    def read(made):
        data = made if isinstance(made, bytes) else json.dumps(made).encode()
        (at / file).write_bytes(data)
        if file != "manifest.json":  # a stranger's checksums fit
            sums = manifest | {file: hashlib.sha256(data).hexdigest()}
            (at / "manifest.json").write_text(json.dumps(sums))
        folder.best()
        folder.load(folder.last())

    valid = (at / file).read_bytes()
    read(valid)
    made = odd.bytes(valid) if file.endswith("tensors") else odd.document(json.loads(valid)) | odd.bytes(valid)
    hammer(examples, made, read)


def test_weight_files(examples, tmp_path, hammer, odd):
    own = {"a": torch.nn.Parameter(torch.ones(3))}
    held = io.BytesIO()
    torch.save({"a": torch.ones(3)}, held)

    def read(pair):
        (tmp_path / "t.safetensors").write_bytes(pair[0])
        (tmp_path / "t.pt").write_bytes(pair[1])
        for name in ("t.safetensors", "t.pt"):
            try:
                read_weights(tmp_path / name)
            except UnistdError:
                continue
        load_trunk(tmp_path / "t.safetensors", own, "0")

    hammer(examples, st.tuples(odd.bytes(save({"a": torch.ones(3)})), odd.bytes(held.getvalue())), read)


def record(content):
    head = struct.pack("<Q", len(content))
    return head + struct.pack("<I", masked_crc(head)) + content + struct.pack("<I", masked_crc(content))


def sealed(data):
    """Give records whose checksums fit whatever is in them."""
    head = data[:8].ljust(8, b"\0")
    return head + struct.pack("<I", masked_crc(head)) + data[12:]


EXAMPLE = b"\x0a\x10\x0a\x0e\x0a\x01a\x12\x09\x0a\x07\x0a\x05hello"
RAW = {
    "tfrecord": record(EXAMPLE) * 2,
    "seq": struct.pack("<I", MAGIC)
    + NAME.ljust(564, b"\0")
    + struct.pack("<2I", 102, 2).ljust(HEADER - 568, b"\0")
    + 2 * (struct.pack("<I", 14) + b"\xff\xd8" + b"\0" * 8 + b"\0" * 8),
    "idx": struct.pack(">4i", 0x803, 10, 28, 28) + b"\1" * 7840,
    "pgm": b"P5\n# obstime 201609281600\n# metersperpixel_y 1000\n# metersperpixel_x 1000\n4 3\n255\n" + b"\7" * 12,
}


@pytest.mark.parametrize("kind", list(RAW))
def test_raw_files(kind, examples, tmp_path, hammer, odd):
    path = tmp_path / f"a.{kind}"

    def read(data):
        if kind == "tfrecord":
            for made in (data, sealed(data)):
                path.write_bytes(made)
                try:
                    count_records(path)
                    list(read_records(path))
                except UnistdError:
                    continue
            try:
                bytes_features(data[12:])
            except ValueError:
                return
        elif kind == "seq":
            path.write_bytes(data)
            read_index(path)
        elif kind == "idx":
            for name, made in (("a.raw", data), ("a.gz", gzip.compress(data, 1))):
                (tmp_path / name).write_bytes(made)
                read_digits(tmp_path / name)
        else:
            path.write_bytes(gzip.compress(data, 1))
            read_pgm(path)

    read(RAW[kind])
    hammer(examples, odd.bytes(RAW[kind]), read)
    if kind in ("idx", "pgm"):
        (tmp_path / "whole.gz").write_bytes(gzip.compress(RAW[kind], 1))
        reader = read_digits if kind == "idx" else read_pgm
        hammer(
            examples,
            odd.bytes(gzip.compress(RAW[kind], 1)),
            lambda data: (path.with_suffix(".gz").write_bytes(data), reader(path.with_suffix(".gz"))),
        )

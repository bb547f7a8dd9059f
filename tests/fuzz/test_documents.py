"""Specs, cards, records and facts of a bundle from strangers: an answer or an error of ours, never anything else."""

from __future__ import annotations

import json

import pytest
from hypothesis import strategies as st

from unistd.core.export.bundle import BundleFacts, read_facts
from unistd.core.training.run_folder import RunFolder
from unistd.registry.document import Document
from unistd.registry.import_card import load_card
from unistd.registry.registry import Registry
from unistd.registry.spec import load_any, load_resolved

CARD = {
    "name": "waves",
    "discipline": "grid",
    "files": ["*.npy", "more/*.nc"],
    "dims": ["time", "y", "x", "channel"],
    "channels": {"height": {"unit": "m", "index": 0}, "speed": {"unit": "m s-1", "index": 1}},
    "time": {"pattern": "a_{number}.npy", "start": "2020-01-01"},
    "step": [1, "h"],
    "window": {"past": 2, "future": 1},
    "split": {"dates": {"val": "2020-02-01", "test": "2020-03-01"}},
    "value_range": [0, 9],
    "cycles": {"day": 24},
    "mirrors": ["x"],
}
SPEC = {
    "version": 1,
    "name": "joint",
    "seed": 3,
    "model": {
        "backbone": {"kind": "timm-vit", "variant": "vit_tiny_patch16_224", "depth": 1, "pretrained": False},
        "adapter": {"kind": "ra-moe", "experts": {"q": 2, "proj": 1}, "rank": {"first": 1.5, "max": 3, "phase": 0.5}},
        "router": {"kind": "softmax", "temperature": 4},
        "temporal": {"kind": "zero-mlp", "reduction": 6},
    },
    "tasks": {
        "city": {
            "kind": "synthetic-traffic",
            "days": 14,
            "metrics": ["mae", {"kind": "psnr"}],
            "window": {"past": 2, "future": 2},
        },
        "sea": {"kind": "grid", "store": "data/sea.zarr", "head": {"kind": "conv", "width": 8}, "weight": 2},
    },
    "training": {
        "steps": 12,
        "batch": 4,
        "sampling": {"kind": "temperature", "tau": 2},
        "optimizer": {"kind": "adamw", "lr": 1e-3, "betas": [0.9, 0.99]},
        "schedule": {"kind": "cosine", "warmup": 2},
        "checkpoint": {"every": 4, "keep": 2},
    },
    "plugins": {"require": ["unistd>=0.1"]},
    "output": "runs/joint",
}


@pytest.fixture(scope="module")
def built_in():
    return Registry.discover()


def written(path, data):
    path.write_bytes(data)
    return path


def as_text(document):
    return json.dumps(document, indent=1).encode(errors="surrogatepass")


@pytest.mark.parametrize(("valid", "kind"), [(SPEC, "spec"), (CARD, "card")])
def test_values_of_specs_and_cards(valid, kind, examples, built_in, tmp_path, hammer, odd):
    path = tmp_path / "own.yaml"

    def read(document):
        written(path, as_text(document))
        load_card(path) if kind == "card" else load_any(path, built_in)

    read(valid)
    hammer(examples, odd.document(valid), read)


@pytest.mark.parametrize(("valid", "kind"), [(SPEC, "spec"), (CARD, "card")])
def test_the_text_of_specs_and_cards(valid, kind, examples, built_in, tmp_path, hammer, odd):
    path = tmp_path / "own.yaml"

    def read(data):
        written(path, data)
        load_card(path) if kind == "card" else load_any(path, built_in)

    hammer(examples, odd.bytes(as_text(valid), odd.tokens), read)


def test_overrides(examples, built_in, tmp_path, hammer, odd):
    path = written(tmp_path / "own.yaml", as_text(SPEC))
    keys = st.sampled_from(
        ["training.steps", "tasks.city", "model", "tasks.city.metrics.0", "seed", "", "a..b", "tasks.9"]
    )

    def read(pair):
        load_any(path, built_in, [f"{pair[0]}={pair[1].decode(errors='replace')}"])

    hammer(examples, st.tuples(keys, odd.bytes(b"{kind: x, a: [1, 2]}", odd.tokens)), read)


def test_any_yaml(examples, tmp_path, hammer, odd):
    valid = b"a: &a {b: 1, c: [1, 2.5, ~, yes, 2001-01-01]}\nd: {<<: *a, e: 'x'}\nf: |\n  text\n? g\n: !!str 1\n"
    hammer(examples, odd.bytes(valid, odd.tokens), lambda data: Document.open(written(tmp_path / "a.yaml", data)))


def test_records_of_runs(examples, built_in, tmp_path, hammer, odd):
    record = {
        "id": "ab",
        "spec": SPEC,
        "stores": {"city": {"path": "/x", "digest": "00"}},
        "trunk": "ff",
        "unistd": "0.1.0",
    }

    def read(document):
        written(tmp_path / "spec.json", as_text(document))
        found = RunFolder(tmp_path).read_record()
        load_resolved(found["spec"], built_in, tmp_path / "spec.json")

    hammer(examples, odd.document(record), read)
    hammer(
        examples,
        odd.bytes(as_text(record)),
        lambda data: (written(tmp_path / "spec.json", data), RunFolder(tmp_path).read_record()),
    )


def test_facts_of_bundles(examples, built_in, tmp_path, hammer, odd):
    facts = {
        "format": 1,
        "task": "city",
        "window": {"past": 2, "future": 2},
        "channels": [{"name": "a", "unit": "1"}],
        "ranks_fixed": True,
        "trunk": "0" * 64,
        "brings_trunk": False,
        "spec": SPEC,
        "unistd": "0.1.0",
        "sha256": "0" * 64,
    }

    def read(document):
        written(tmp_path / "bundle.json", as_text(document))
        found = read_facts(tmp_path)
        assert isinstance(found, BundleFacts)
        load_resolved(found.spec, built_in, tmp_path / "bundle.json")

    hammer(examples, odd.document(facts), read)

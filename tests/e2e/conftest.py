"""A joint run of two tiny generated tasks on a tiny trunk: seconds, not minutes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from unistd.cli.main import main

SPEC = """\
version: 1
name: tiny
seed: 1
model:
  backbone: {{kind: timm-vit, variant: vit_tiny_patch16_224, depth: 1, width: 24, heads: 2, pretrained: false}}
  adapter: {{kind: ra-moe, experts: {{q: 2, k: 2, v: 2, proj: 2}}, rank: {{first: 1.5, max: 3, phase: 0.5}}}}
tasks:
  city: {{kind: synthetic-traffic, days: 14, height: 8, width: 9, head: {{kind: conv, width: 8}}}}
  shapes:
    {{kind: synthetic-motion, height: 12, width: 12, train: 10, val: 2, test: 2, metrics: [psnr],
      head: {{kind: conv, width: 8}}}}
training:
  steps: 12
  batch: 4
  sampling: {{kind: uniform}}
  checkpoint: {{every: 4, keep: 2}}
  log_every: 2
output: {output}
"""


@pytest.fixture(scope="session", autouse=True)
def stores(tmp_path_factory):
    """Keep the converted tasks of all tests in one folder of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNISTD_STORES", str(tmp_path_factory.mktemp("stores")))
        yield


@pytest.fixture
def spec(tmp_path) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text(SPEC.format(output=tmp_path / "run"))
    return path


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Path:
    """An uninterrupted run; read only."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "tiny.yaml").write_text(SPEC.format(output=folder / "run"))
    assert main(["train", str(folder / "tiny.yaml")]) == 0
    return folder / "run"


def _tensors(run: Path) -> dict[str, torch.Tensor]:
    folder = run / "checkpoints" / (run / "checkpoints" / "last").read_text()
    return {f"{file.stem}/{name}": t for file in folder.glob("*.safetensors") for name, t in load_file(file).items()}


@pytest.fixture(scope="session")
def last_tensors():
    """Give every tensor of a run's last checkpoint."""
    return _tensors


@pytest.fixture(scope="session")
def assert_same_bits():
    """Compare model, optimiser and random state of two runs."""

    def compare(run: Path, other: Path) -> None:
        own, wanted = _tensors(run), _tensors(other)
        assert own.keys() == wanted.keys()
        assert [name for name in own if not torch.equal(own[name], wanted[name])] == []

    return compare

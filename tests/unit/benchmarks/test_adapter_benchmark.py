"""The peers of the adapter benchmark compute what they are compared by."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from unistd.core.ranked import ranked_adapters
from unistd.plugins.adapter_ra_moe.family import ra_moe
from unistd.plugins.backbone_vit.timm_vit import timm_vit

SMALL = partial(timm_vit, variant="vit_tiny_patch16_224", pretrained=False, depth=1, width=24, heads=2)


@pytest.fixture
def program(monkeypatch):
    """The program as a module, on a trunk that takes milliseconds."""
    monkeypatch.syspath_prepend(Path(__file__).parents[3] / "benchmarks")
    import adapter

    monkeypatch.setattr(adapter, "timm_vit", lambda **_: SMALL())
    monkeypatch.setattr(adapter, "CPU", (adapter.Size("vit_base_patch16_224", 2, 6, torch.float32),))
    return adapter


def test_the_loop_computes_the_same_mixture(program):
    torch.manual_seed(0)
    fused = program.placed(SMALL(), partial(ra_moe, rank=program.PLAN))
    loop = program.looped(SMALL())
    for _, adapter in ranked_adapters(fused):
        for up in adapter.up.values():
            torch.nn.init.normal_(up)
        adapter.rank.data.uniform_(0, 8)
    loop.load_state_dict(fused.state_dict())
    x = torch.randn(2, 6, 24)
    torch.testing.assert_close(loop(x, (2, 3)), fused(x, (2, 3)))
    assert not torch.allclose(fused(x, (2, 3)), SMALL()(x, (2, 3)))


def test_the_record_has_machine_versions_and_a_row_for_every_candidate(program, tmp_path, monkeypatch):
    monkeypatch.setattr(program, "CANDIDATES", {k: v for k, v in program.CANDIDATES.items() if "peft" not in k})
    result = CliRunner().invoke(program.main, ["--repeats", "5", "--json", str(tmp_path / "out.json")])
    assert result.exit_code == 0, result.output
    whole = json.loads((tmp_path / "out.json").read_text())
    assert {row["candidate"] for row in whole["rows"]} == {"frozen", "ra-moe", "ra-moe compacted", "lora", "loop"}
    assert all(len(row["seconds"]) == 5 for row in whole["rows"])
    (profile,) = [row["profile"] for row in whole["rows"] if "profile" in row]
    assert 0.1 < sum(row["share"] for row in profile) <= 1
    assert {row["ratio"]: row["met"] == (row["is"] <= row["target"]) for row in whole["targets"]} == {
        "ra-moe ÷ frozen": True,
        "ra-moe compacted ÷ frozen": True,
        "ra-moe ÷ loop": True,
    }
    assert whole["versions"]["torch"] == torch.__version__.partition("+")[0]
    assert whole["machine"]["threads"] == torch.get_num_threads()


def test_a_peer_that_cannot_run_is_left_out_with_its_reason(program, monkeypatch):
    def missing(trunk):
        raise ModuleNotFoundError("No module named 'peft'")

    monkeypatch.setattr(program, "CANDIDATES", {"frozen": lambda trunk: trunk, "peft lora": missing})
    result = CliRunner().invoke(program.main, ["--repeats", "5"])
    assert "left out: ModuleNotFoundError: No module named 'peft'" in result.output

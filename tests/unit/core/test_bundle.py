"""What a bundle holds, and what it cannot be put into."""

from __future__ import annotations

import hashlib
import json
from functools import partial

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from unistd.core.data.normalization import Normalization
from unistd.core.errors import CheckpointError, UsageError
from unistd.core.export.bundle import FACTS, TENSORS, load_bundle, read_facts, save_bundle
from unistd.core.forecaster import Forecaster
from unistd.core.model import UnifiedModel
from unistd.core.rank_plan import RankPlan
from unistd.core.task import Channel, Window
from unistd.core.training.rank_phase import RankPhase
from unistd.core.training.trunk_file import trunk_digest
from unistd.plugins.adapter_ra_moe.family import full, ra_moe
from unistd.plugins.backbone_vit.timm_vit import timm_vit
from unistd.plugins.head_conv.conv_head import ConvHead
from unistd.plugins.router_softmax.softmax import SoftmaxRouter
from unistd.plugins.temporal_zero_mlp.zero_mlp import ZeroMlp

PLAN = RankPlan(first=2, max=4)


def forecaster(*tasks: str, seed: int = 0, frozen: bool = True, head_width: int = 8) -> Forecaster:
    """Of channels in units of 10 ± 2; without a value that says nothing, such as the zeros experts start with."""
    torch.manual_seed(1)
    trunk = timm_vit(
        variant="vit_tiny_patch16_224", pretrained=False, depth=1, width=24, heads=2, seed=seed, freeze=frozen
    )
    heads = {
        task: ConvHead(past=2, future=1, channels_in=1, channels_out=1, trunk_width=24, width=head_width)
        for task in tasks
    }
    adapter = partial(ra_moe, experts={"q": 2, "proj": 2}, rank=PLAN) if frozen else full
    model = UnifiedModel(trunk, heads, adapter=partial(adapter, router=SoftmaxRouter), temporal=ZeroMlp)
    return Forecaster(model, {task: Normalization.identity(1) for task in tasks}).eval()


def learned(*tasks: str, frozen: bool = True) -> Forecaster:
    """As if trained: everything that learns drawn anew, and ranks cut to 1 to 3."""
    made = forecaster(*tasks, frozen=frozen)
    phase = RankPhase.of(made, 100, 10)
    torch.manual_seed(2)
    with torch.no_grad():
        for adapter in phase.adapters.values() if phase else ():
            adapter.rank.copy_(torch.randint(1, 4, adapter.rank.shape))
            adapter.compact([int(rank) for rank in adapter.rank])
        for parameter in made.parameters():
            if parameter.requires_grad:
                nn.init.normal_(parameter, std=0.2)
    for normalization in made.normalizations.values():
        normalization.offset.fill_(10.0)
        normalization.scale.fill_(2.0)
    return made


def write(folder, made, task="rain", **changes):
    said = {"window": Window(past=2, future=1), "channels": [Channel(name="rain", unit="mm")], "spec": {"seed": 1}}
    return save_bundle(folder, made, task, **{**said, "ranks_fixed": True, **changes})


@pytest.fixture
def source() -> Forecaster:
    return learned("rain", "wind")


@pytest.fixture
def bundle(tmp_path, source):
    write(tmp_path / "bundle", source)
    return tmp_path / "bundle"


def past():
    torch.manual_seed(3)
    return 10 + 2 * torch.randn(3, 2, 1, 9, 7)


def rewrite(bundle, tensors):
    """Store other tensors under a checksum that fits."""
    save_file(tensors, bundle / TENSORS)
    facts = json.loads((bundle / FACTS).read_text())
    facts["sha256"] = hashlib.sha256((bundle / TENSORS).read_bytes()).hexdigest()
    (bundle / FACTS).write_text(json.dumps(facts))


@pytest.mark.parametrize("tasks", [("rain",), ("wind", "rain", "rai")])
def test_a_fresh_model_with_the_same_trunk_forecasts_the_same_bits(source, bundle, tasks):
    fresh = forecaster(*tasks)
    wanted = source.forecast("rain", past())
    assert not torch.equal(fresh.forecast("rain", past()), wanted)
    load_bundle(bundle, fresh)
    assert torch.equal(fresh.forecast("rain", past()), wanted)


def test_it_holds_the_task_and_what_all_share_and_nothing_else(source, bundle):
    stored = load_file(bundle / TENSORS)
    roots = {".".join(name.split(".")[:3]) for name in stored}
    assert roots == {"model.heads.rain", "normalizations.rain.offset", "normalizations.rain.scale"} | {
        "model.backbone.layers"
    }
    shared = [name for name in stored if name.startswith("model.backbone")]
    assert all(".adapter." in name or ".temporal." in name for name in shared)
    assert {"rank", "down", "up", "routers"} <= {name.partition(".adapter.")[2].split(".")[0] for name in shared}


def test_it_says_what_it_is(source, bundle):
    facts = read_facts(bundle)
    assert (facts.task, facts.window, facts.channels) == (
        "rain",
        Window(past=2, future=1),
        (Channel(name="rain", unit="mm"),),
    )
    assert facts.trunk == trunk_digest(source.model.trunk_parameters())
    assert (facts.ranks_fixed, facts.brings_trunk, facts.spec) == (True, False, {"seed": 1})


def test_ranks_that_still_learn_travel_too(tmp_path):
    made = forecaster("rain")
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            if "adapter.up" in name or "read_out" in name:
                nn.init.normal_(parameter, std=0.2)
            elif name.endswith("adapter.rank"):
                parameter.fill_(1.7)
    write(tmp_path, made, ranks_fixed=False)
    fresh = learned("rain")
    load_bundle(tmp_path, fresh)
    assert torch.equal(fresh.forecast("rain", past()), made.forecast("rain", past()))


def test_another_trunk_is_refused_by_name_and_nothing_changes(bundle):
    other = forecaster("rain", seed=1)
    before = {name: tensor.clone() for name, tensor in other.state_dict().items()}
    with pytest.raises(CheckpointError) as error:
        load_bundle(bundle, other)
    assert f"trunk '{read_facts(bundle).trunk}'" in error.value.message
    assert f"trunk '{trunk_digest(other.model.trunk_parameters())}'" in error.value.message
    assert all(torch.equal(tensor, before[name]) for name, tensor in other.state_dict().items())


def test_a_trunk_that_learned_is_in_the_bundle_and_replaces_another(tmp_path):
    made = learned("rain", frozen=False)
    assert write(tmp_path, made).brings_trunk
    fresh = forecaster("rain", seed=1, frozen=False)
    load_bundle(tmp_path, fresh)
    assert torch.equal(fresh.forecast("rain", past()), made.forecast("rain", past()))


@pytest.mark.parametrize("damage", [lambda data: data[:-4], lambda data: data[:-1] + bytes([data[-1] ^ 1])])
def test_a_damaged_file_is_refused(bundle, damage):
    (bundle / TENSORS).write_bytes(damage((bundle / TENSORS).read_bytes()))
    with pytest.raises(CheckpointError, match=r"'bundle\.safetensors' is truncated or was changed"):
        load_bundle(bundle, forecaster("rain"))


def test_a_file_that_is_gone_is_refused(bundle):
    (bundle / TENSORS).unlink()
    with pytest.raises(CheckpointError, match=r"'bundle\.safetensors' cannot be read: No such file"):
        load_bundle(bundle, forecaster("rain"))


def test_missing_superfluous_and_resized_tensors_are_refused(bundle):
    whole = load_file(bundle / TENSORS)
    name = "model.heads.rain.read_out.weight"
    for tensors, problem in (
        ({n: t for n, t in whole.items() if n != name}, f"the bundle lacks '{name}'"),
        ({**whole, "more": torch.zeros(1)}, "the model has no place for 'more'"),
        ({**whole, name: torch.zeros(2)}, f"the bundle has another shape of '{name}'"),
    ):
        rewrite(bundle, tensors)
        with pytest.raises(CheckpointError, match=problem):
            load_bundle(bundle, forecaster("rain"))


def test_a_head_of_another_size_is_refused(bundle):
    with pytest.raises(CheckpointError, match=r"another shape of 'model\.heads\.rain\..*' and \d+ more"):
        load_bundle(bundle, forecaster("rain", head_width=16))


def test_a_model_without_the_task_is_refused(bundle):
    with pytest.raises(UsageError, match="for task 'rain', which the model does not have"):
        load_bundle(bundle, forecaster("wind"))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 1}', '{"format": 1, "window": 3, "channels": []}'])
def test_what_is_no_bundle_is_refused(bundle, text):
    (bundle / FACTS).write_text(text)
    with pytest.raises(CheckpointError, match=r"is no bundle, its bundle\.json cannot be read"):
        read_facts(bundle)


@pytest.mark.parametrize(
    ("odd", "said"),
    [
        ({"window": {"past": 10**12, "future": 1}}, "a window of '1000000000000' and '1' frames"),
        ({"window": {"past": 0, "future": 1}}, "a window of '0' and '1' frames"),
        ({"ranks_fixed": "yes"}, "ranks_fixed: Input should be a valid boolean"),
        ({"task": 3}, "task: Input should be a valid string"),
        ({"code": "import os"}, "nothing is called 'code'"),
        ({"spec": json.loads("[" * 60 + "]" * 60)}, "spec: Input should be an object"),
        ({"spec": {"a": json.loads("[" * 200 + "]" * 200)}}, "nested deeper than 64"),
    ],
)
def test_facts_of_another_type_or_beyond_all_reason_are_refused(bundle, odd, said):
    facts = json.loads((bundle / FACTS).read_text())
    (bundle / FACTS).write_text(json.dumps({**facts, **odd}))
    with pytest.raises(CheckpointError) as caught:
        read_facts(bundle)
    assert said in caught.value.message


def test_another_format_is_refused(bundle):
    facts = json.loads((bundle / FACTS).read_text())
    (bundle / FACTS).write_text(json.dumps({**facts, "format": 2}))
    with pytest.raises(CheckpointError, match="format '2', this unistd reads '1'"):
        read_facts(bundle)

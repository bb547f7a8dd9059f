from __future__ import annotations

import re
import subprocess
import sys

import pytest
import torch
from torch.nn import functional

from unistd.core.data.normalization import Normalization
from unistd.core.forecaster import Forecaster
from unistd.core.model import UnifiedModel
from unistd.core.plan.parts import parameters_by_part
from unistd.core.plan.step_cost import flop_counter, step_cost
from unistd.plugins.adapter_ra_moe.family import ra_moe
from unistd.plugins.backbone_gsta.gsta import Gsta
from unistd.plugins.backbone_vit.timm_vit import timm_vit
from unistd.plugins.head_conv.conv_head import ConvHead
from unistd.plugins.router_softmax.softmax import SoftmaxRouter
from unistd.plugins.temporal_zero_mlp.zero_mlp import ZeroMlp


def small() -> Forecaster:
    trunk = timm_vit(variant="vit_tiny_patch16_224", depth=2, pretrained=False)
    head = ConvHead(past=4, future=2, channels_in=1, channels_out=1, trunk_width=trunk.width, width=8)
    model = UnifiedModel(
        trunk, {"rain": head}, adapter=lambda sites: ra_moe(sites, router=SoftmaxRouter), temporal=ZeroMlp
    )
    return Forecaster(model, {"rain": Normalization.identity(1)})


PAST, FUTURE = (12, 4, 1, 18, 20), (12, 2, 1, 18, 20)


def test_operations_are_those_of_a_real_step_and_the_model_is_left_alone():
    forecaster = small()
    weights = {name: tensor.clone() for name, tensor in forecaster.state_dict().items()}
    cost = step_cost(forecaster, "rain", PAST, FUTURE)
    assert all(torch.equal(tensor, weights[name]) for name, tensor in forecaster.state_dict().items())
    assert all(parameter.grad is None for parameter in forecaster.parameters())
    with flop_counter() as counter:
        forecaster("rain", torch.zeros(PAST), torch.zeros(FUTURE)).backward()
    assert cost.flops == counter.get_total_flops() > 0


def test_attention_and_products_added_in_place_are_counted():
    query, key, value = (torch.ones(1, 2, 8, 4, requires_grad=True) for _ in range(3))  # 2 heads, 8 tokens, 4 features
    product = 2 * 2 * 8 * 8 * 4
    with flop_counter() as counter:
        attended = functional.scaled_dot_product_attention(query, key, value)
        assert counter.get_total_flops() == 2 * product
        attended.sum().backward()
    assert counter.get_total_flops() == (2 + 5) * product  # backward makes the scores again, and four products of them
    with flop_counter() as counter:
        torch.ones(3, 5).addmm_(torch.ones(3, 7), torch.ones(7, 5))
    assert counter.get_total_flops() == 2 * 3 * 7 * 5


def test_the_model_is_left_in_the_mode_it_was_in_and_one_token_is_no_obstacle():
    trunk = Gsta(width=12, depth=1, norm="batch")
    head = ConvHead(past=4, future=2, channels_in=1, channels_out=1, trunk_width=12, width=8, stride=32)
    model = UnifiedModel(trunk, {"rain": head})
    forecaster = Forecaster(model, {"rain": Normalization.identity(1)})
    for training in (True, False):
        assert step_cost(forecaster.train(training), "rain", PAST, FUTURE).flops > 0
        assert {module.training for module in forecaster.modules()} == {training}


def test_memory_holds_what_autograd_keeps_and_grows_with_the_batch():
    forecaster = small()
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = forecaster("rain", torch.zeros(PAST), torch.zeros(FUTURE))
    own = {parameter.untyped_storage().data_ptr() for parameter in forecaster.parameters()}
    saved = sum(size for place, size in kept.items() if place not in own)
    del loss
    gradients = sum(p.nbytes for p in forecaster.parameters() if p.requires_grad)
    memory = step_cost(forecaster, "rain", PAST, FUTURE).memory
    assert saved < memory < 1.1 * (saved + gradients)
    twice = step_cost(forecaster, "rain", (2 * PAST[0], *PAST[1:]), (2 * PAST[0], *FUTURE[1:])).memory
    assert saved < twice - memory < 1.1 * saved + gradients


def test_parameters_add_up():
    model = small().model
    parts = parameters_by_part(model)
    total, learning = parts.pop("all")
    assert tuple(map(sum, zip(*parts.values(), strict=True))) == (total, learning)
    assert parts["trunk"][1] == 0


REAL = """
import re, torch
from tests.unit.plan.test_step_cost import small
from unistd.core.plan.step_cost import step_cost

def kib(key):
    return int(re.search(key + r":\\s+(\\d+)", open("/proc/self/status").read()).group(1))

torch.set_num_threads(1)
forecaster, past, future = small(), (500, 4, 1, 40, 40), (500, 2, 1, 40, 40)
frames = torch.zeros(past), torch.zeros(future)
forecaster("rain", frames[0][:1], frames[1][:1]).backward()
before, highest = kib("VmRSS"), kib("VmHWM")
forecaster("rain", *frames).backward()
assert kib("VmHWM") > highest
print("planned", step_cost(forecaster, "rain", past, future).memory, "real", 1024 * (kib("VmHWM") - before))
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_memory_is_that_of_a_real_process_within_a_fifth():
    done = subprocess.run([sys.executable, "-c", REAL], capture_output=True, text=True, check=True)
    planned, real = map(int, re.search(r"planned (\d+) real (\d+)", done.stdout).groups())
    assert 0.8 < planned / real < 1.2

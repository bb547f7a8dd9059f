"""Each check of the kit fails, alone and for its own reason, on a component that is wrong in one way."""

from __future__ import annotations

import inspect
import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from unistd.core.adapter import Adapter, Site
from unistd.core.backbone import Backbone
from unistd.core.head import Encoded
from unistd.core.temporal import NoTemporal
from unistd.core.testing import (
    AdapterContract,
    BackboneContract,
    HeadContract,
    MetricContract,
    RouterContract,
    TaskContract,
    TemporalContract,
)
from unistd.core.testing.run import ask
from unistd.plugins.head_conv.conv_head import ConvHead
from unistd.plugins.metrics.pixelwise import MeanSquaredError
from unistd.plugins.router_softmax.softmax import SoftmaxRouter
from unistd.plugins.synthetic.traffic import SyntheticTraffic
from unistd.plugins.temporal_zero_mlp.zero_mlp import ZeroMlp

OWN = torch.Generator().manual_seed(5)


def found(contract, make):
    """The names of the contract's checks that fail on what ``make`` makes, with what they say."""
    own = type("Own", (contract,), {"make": lambda _, *args, **options: make(*args, **options)})()
    return {name: f"{type(error).__name__}: {error}" for name, error in ask(own) if error}


def after(base, method, change):
    """``base``, whose ``method`` returns ``change(self, result, *arguments)``."""

    def changed(self, *args, **options):
        return change(self, getattr(base, method)(self, *args, **options), *args)

    return type(f"Wrong{base.__name__}", (base,), {method: changed})


COUNT = itertools.count()


def hidden(module):
    """A number that is not in the state and differs from one module to the next."""
    if not hasattr(module, "hidden"):
        module.hidden = next(COUNT)
    return module.hidden


def global_draw(module):
    torch.rand(1)
    return 0


def own_draw(module):
    return torch.rand(1, generator=OWN).item()


def float32_factor(y):
    """What leaves float64 as it is and makes float32 of bfloat16."""
    return y * torch.ones(y.shape[-1], device=y.device)


def with_table(base):
    """``base``, which holds a tensor that is neither parameter nor buffer."""

    def init(self, *args, **options):
        base.__init__(self, *args, **options)
        self.table = [torch.zeros(3)]

    return type(f"Wrong{base.__name__}", (base,), {"__init__": init})


def made_elsewhere(y):
    return y + torch.zeros(y.shape[-1], dtype=y.dtype)


def returned_elsewhere(y):
    return y if y.device.type == "cpu" else torch.zeros(y.shape, dtype=y.dtype)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.mix = nn.Linear(6, 6)
        self.temporal = NoTemporal()

    def forward(self, x, grid):
        return x + self.mix(self.temporal(x, grid))


class Trunk(Backbone):
    def __init__(self):
        super().__init__()
        self.width = 6
        self.layers = nn.ModuleList([Block()])

    def forward(self, tokens, grid):
        return self.layers[0](tokens, grid)

    def sites(self):
        return [Site(name="layers.0.mix", width=6, parts={"mix": 6})]

    def blocks(self):
        return list(self.layers)


class Thaws(Trunk):
    def __init__(self):
        super().__init__()
        self.requires_grad_(False)

    def train(self, mode=True):
        if mode:
            self.requires_grad_(True)
        return super().train(mode)


class Unused(Trunk):
    def __init__(self):
        super().__init__()
        self.spare = nn.Parameter(torch.zeros(3))


class WrongSite(Trunk):
    def sites(self):
        return [Site(name="layers.0.mix", width=6, parts={"mix": 7})]


class SkipsTemporal(Trunk):
    def forward(self, tokens, grid):
        return tokens + self.layers[0].mix(tokens)


class Shift(Adapter):
    def __init__(self):
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(1))

    def forward(self, x, linear):
        return linear(x) + self.shift


def adapters(kind):
    return lambda sites: {site.name: kind() for site in sites}


class Inert(Shift):
    def forward(self, x, linear):
        return linear(x) + 0 * self.shift


class TrainsLinear(Shift):
    def forward(self, x, linear):
        if self.training:
            linear.requires_grad_(True)
        return super().forward(x, linear)


class Detached(Shift):
    def forward(self, x, linear):
        return linear(x) + self.shift.detach()


def conv(kind=ConvHead):
    return lambda **sizes: kind(**sizes, width=8)


class KeepsChannels(ConvHead):
    def decode(self, encoded):
        return super().decode(encoded)[:, :, :2]


class IgnoresTrunk(ConvHead):
    def decode(self, encoded):
        memory = encoded.memory
        return super().decode(Encoded(0 * encoded.tokens, encoded.grid, memory))


class Joinless(MeanSquaredError):
    def __init__(self, **options):
        super().__init__(**options)
        self._reductions = dict.fromkeys(self._reductions)


class Nameless(MeanSquaredError):
    def __init__(self, **options):
        super().__init__(**options)
        self.identity = replace(self.identity, unit="")


class CountsMissing(MeanSquaredError):
    def update(self, prediction, target):
        super().update(prediction, target.nan_to_num(0))


class Overwrites(MeanSquaredError):
    def update(self, prediction, target):
        prediction[target.isnan()] = 0
        super().update(prediction, target)


def metric(kind=MeanSquaredError):
    return lambda leads: kind(leads=leads, unit="1")


def task(change, **facts):
    """A small task whose sequences are changed, or whose card says other ``facts``."""

    class Wrong(SyntheticTraffic):
        card = replace(SyntheticTraffic.card, **facts)

        def sequences(self):
            return [change(own) for own in super().sequences()]

    return lambda: Wrong(height=8, width=9, days=3)


def with_(**changes):
    return lambda own: replace(own, **{name: change(own) for name, change in changes.items()})


def draws_globally(own):
    np.random.rand()
    return own


def silent_first(router, weights, scores):
    """Weights whose rows sum to 1, of which the first is 0 where there are others."""
    if weights.shape[-1] > 1:
        weights = torch.cat([torch.zeros_like(weights[..., :1]), weights[..., 1:]], dim=-1)
    return weights / weights.sum(-1, keepdim=True)


RIGHT = {
    BackboneContract: Trunk,
    RouterContract: SoftmaxRouter,
    TemporalContract: ZeroMlp,
    HeadContract: conv(),
    AdapterContract: adapters(Shift),
    MetricContract: metric(),
    TaskContract: task(lambda own: own),
}

# How a factor takes part in each kind without touching what it starts as, and how its output is changed as a whole.
TROUBLED = {
    BackboneContract: (
        lambda f: after(Trunk, "forward", lambda s, y, *_: y * (1 + f(s))),
        lambda g: after(Trunk, "forward", lambda s, y, *_: g(y)),
    ),
    RouterContract: (
        lambda f: type("Wrong", (SoftmaxRouter,), {"gate": lambda s, x: SoftmaxRouter.gate(s, x * (1 + f(s)))}),
        lambda g: after(SoftmaxRouter, "gate", lambda s, y, *_: g(y)),
    ),
    TemporalContract: (
        lambda f: after(ZeroMlp, "forward", lambda s, y, x, _: y + (y - x) * f(s)),
        lambda g: after(ZeroMlp, "forward", lambda s, y, *_: g(y)),
    ),
    HeadContract: (
        lambda f: conv(after(ConvHead, "decode", lambda s, y, *_: y * (1 + f(s)))),
        lambda g: conv(after(ConvHead, "decode", lambda s, y, *_: g(y))),
    ),
    AdapterContract: (
        lambda f: adapters(after(Shift, "forward", lambda s, y, *_: y + s.shift * f(s))),
        lambda g: adapters(after(Shift, "forward", lambda s, y, *_: g(y))),
    ),
}

HOLDING_A_TABLE = {
    BackboneContract: with_table(Trunk),
    RouterContract: with_table(SoftmaxRouter),
    TemporalContract: with_table(ZeroMlp),
    HeadContract: conv(with_table(ConvHead)),
    AdapterContract: adapters(with_table(Shift)),
    MetricContract: metric(with_table(MeanSquaredError)),
}

WRONG = [
    *(
        (kind, made(own_draw), "same_input", "the same input must give the same")
        for kind, (made, _) in TROUBLED.items()
    ),
    *((kind, made(global_draw), "no_global_random", "of torch was used") for kind, (made, _) in TROUBLED.items()),
    *((kind, made(hidden), "saved_and_loaded", "must give the same bits") for kind, (made, _) in TROUBLED.items()),
    *((kind, made(Tensor.float), "dtype_follows", "output is torch.float32") for kind, (_, made) in TROUBLED.items()),
    *((kind, made(float32_factor), "dtype_follows", "are torch.bfloat16") for kind, (_, made) in TROUBLED.items()),
    *((kind, make, "it_moves", "table' stays behind when the module moves") for kind, make in HOLDING_A_TABLE.items()),
    *((kind, made(made_elsewhere), "it_moves", "made on the way is not on") for kind, (_, made) in TROUBLED.items()),
    *((kind, made(returned_elsewhere), "it_moves", "the output on 'cpu'") for kind, (_, made) in TROUBLED.items()),
    *((kind, made(torch.Tensor.detach), "gradients", "is it detached") for kind, (_, made) in TROUBLED.items()),
    (BackboneContract, Unused, "gradients", "no gradient reaches 'spare'"),
    (BackboneContract, TROUBLED[BackboneContract][1](lambda y: y[:, :6]), "any_grid", "came back as (1, 6, 6)"),
    (BackboneContract, Thaws, "what_is_frozen", "train() changed which parameters learn"),
    (BackboneContract, WrongSite, "sites_are", "says it maps 6 to 7, but it maps 6 to 6"),
    (BackboneContract, SkipsTemporal, "every_block", "1 blocks must call 'temporal' once"),
    (AdapterContract, lambda sites: {"other": Shift(), **adapters(Shift)(sites)}, "only_sites", "which are no sites"),
    (AdapterContract, TROUBLED[AdapterContract][1](lambda y: y + 1), "zero_at", "must return linear(x)"),
    (AdapterContract, adapters(Inert), "it_takes_effect", "moving every parameter changes no output"),
    (
        AdapterContract,
        TROUBLED[AdapterContract][1](lambda y: y[:1] if len(y) == 3 else y),
        "any_leading",
        "in place of",
    ),
    (AdapterContract, adapters(TrainsLinear), "gradients", "the frozen linear map got a gradient"),
    (AdapterContract, adapters(Detached), "gradients", "no gradient"),
    (RouterContract, TROUBLED[RouterContract][1](lambda y: y.flatten(0, -2)), "a_weight", "got weights (1, 1)"),
    (RouterContract, TROUBLED[RouterContract][1](lambda y: y * 1.1), "rows_sum_to_one", "one is off by"),
    (RouterContract, after(SoftmaxRouter, "gate", silent_first), "every_expert", "only [1, 2] ever have the largest"),
    (RouterContract, type("Own", (SoftmaxRouter,), {"weigh": SoftmaxRouter.gate}), "the_observer", "called 0 times"),
    (TemporalContract, TROUBLED[TemporalContract][1](lambda y: y + 1e-3), "identity", "must return its tokens"),
    (
        TemporalContract,
        TROUBLED[TemporalContract][1](lambda y: y[:1] if y.shape[1] == 7 else y),
        "any_grid",
        "came back",
    ),
    (
        TemporalContract,
        after(ZeroMlp, "sites", lambda *_: [Site(name="up", width=3, parts={"t": 3})]),
        "sites",
        "maps 3",
    ),
    (HeadContract, TROUBLED[HeadContract][1](lambda y: y[..., :7]), "any_size", "were forecast as"),
    (HeadContract, conv(KeepsChannels), "other_channels_out", "3 channels were asked for"),
    (HeadContract, conv(IgnoresTrunk), "the_trunk_reaches", "changes no forecast"),
    (
        MetricContract,
        metric(after(MeanSquaredError, "compute", lambda s, y: (global_draw(s), y)[1])),
        "no_global",
        "torch",
    ),
    (
        MetricContract,
        metric(after(MeanSquaredError, "compute", lambda s, y: y._replace(per_lead=y.per_lead[:1]))),
        "a_finite_value",
        "2 leads need as many values",
    ),
    (
        MetricContract,
        metric(after(MeanSquaredError, "compute", lambda s, y: y._replace(value=y.value * s._update_count))),
        "batches",
        "batches of 1 and one of 7 must give the same value",
    ),
    (MetricContract, metric(Joinless), "processes", "has no dist_reduce_fx"),
    (MetricContract, metric(CountsMissing), "missing_pixels", "must give the same value"),
    (MetricContract, metric(Overwrites), "the_input", "changed the frames"),
    (MetricContract, metric(Nameless), "its_identity", "the identity lacks unit"),
    (TaskContract, task(with_(frames=lambda o: o.frames[:, :1])), "frames_fit", "card has 2 channels"),
    (TaskContract, task(with_(times=lambda o: o.times[::-1])), "time_goes_on", "do not increase"),
    (TaskContract, task(with_(split=lambda o: "train")), "every_split", "split 'val' of task"),
    (TaskContract, task(with_(frames=lambda o: o.frames + np.uint16(next(COUNT)))), "same_frames", "differ from one"),
    (TaskContract, task(draws_globally), "no_global_random", "of numpy was used"),
    (
        TaskContract,
        task(lambda own: own, normalization="range", value_range=(0.0, 1.0)),
        "normalisation",
        "value_range",
    ),
]

IMPLIED = {
    "same_input": "test_saved_and_loaded_it_is_the_same",  # what never repeats itself does not after loading
    "batches": "test_processes_do_not_matter",
}


@pytest.mark.parametrize("contract", RIGHT, ids=lambda contract: contract.__name__)
def test_a_right_component_passes(contract):
    assert found(contract, RIGHT[contract]) == {}


@pytest.mark.parametrize(("contract", "make", "name", "says"), WRONG, ids=[f"{w[0].__name__}-{w[2]}" for w in WRONG])
def test_a_wrong_component_fails_its_check(contract, make, name, says):
    failed = found(contract, make)
    (check,) = [check for check in failed if check.startswith(f"test_{name}")]
    assert says in failed[check]
    # frames that cannot become a store fail wherever one is needed
    assert contract is TaskContract or failed.keys() - {IMPLIED.get(name)} == {check}


@pytest.mark.parametrize("contract", RIGHT, ids=lambda contract: contract.__name__)
def test_every_check_has_its_wrong_component(contract):
    checks = {name for name, _ in inspect.getmembers(contract, inspect.isfunction) if name.startswith("test_")}
    tried = [f"test_{name}" for kind, _, name, _ in WRONG if kind is contract]
    assert [check for check in checks if not any(check.startswith(name) for name in tried)] == []

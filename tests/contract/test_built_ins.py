"""The kit asks of our own components what it asks of everybody's."""

from __future__ import annotations

from functools import partial

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
from unistd.plugins.adapter_ra_moe.family import lora, moe_lora, ra_moe
from unistd.plugins.backbone_gsta.gsta import Gsta
from unistd.plugins.backbone_identity.identity import Identity
from unistd.plugins.backbone_vit.open_clip_vit import open_clip_vit
from unistd.plugins.backbone_vit.timm_vit import timm_vit
from unistd.plugins.head_conv.conv_head import ConvHead
from unistd.plugins.metrics.categorical import CriticalSuccessIndex, FrequencyBias
from unistd.plugins.metrics.percentage import WeightedMeanAbsolutePercentageError
from unistd.plugins.metrics.pixelwise import MeanAbsoluteError, MeanSquaredError, RootMeanSquaredError
from unistd.plugins.metrics.psnr import PeakSignalToNoise
from unistd.plugins.metrics.ssim import StructuralSimilarity
from unistd.plugins.router_softmax.softmax import SoftmaxRouter
from unistd.plugins.synthetic.driving import SyntheticDriving
from unistd.plugins.synthetic.motion import SyntheticMotion
from unistd.plugins.synthetic.traffic import SyntheticTraffic
from unistd.plugins.synthetic.weather import SyntheticWeather
from unistd.plugins.temporal_zero_mlp.zero_mlp import ZeroMlp
from unistd.registry.discovery import installed
from unistd.registry.testing import PluginContract

FEW = {"height": 8, "width": 9, "train": 2, "val": 1, "test": 1}
TINY = {"pretrained": False, "depth": 1, "width": 24, "heads": 2}


def kept(contract, make):
    """The contract's tests of what ``make`` makes."""
    return type(f"Test{contract.__name__}", (contract,), {"make": lambda _, *args, **options: make(*args, **options)})


TestTimmVit = kept(BackboneContract, partial(timm_vit, variant="vit_tiny_patch16_224", **TINY))
TestOpenClipVit = kept(BackboneContract, partial(open_clip_vit, variant="ViT-B-32", **TINY))
TestGsta = kept(BackboneContract, partial(Gsta, width=12, depth=1))
TestIdentity = kept(BackboneContract, partial(Identity, width=12))
TestRaMoe = kept(AdapterContract, partial(ra_moe, router=SoftmaxRouter))
TestMoeLora = kept(AdapterContract, partial(moe_lora, router=SoftmaxRouter))
TestLora = kept(AdapterContract, partial(lora, router=SoftmaxRouter))
TestSoftmax = kept(RouterContract, SoftmaxRouter)
TestTopK = kept(RouterContract, partial(SoftmaxRouter, top_k=2))
TestZeroMlp = kept(TemporalContract, ZeroMlp)
TestMultiplicative = kept(TemporalContract, partial(ZeroMlp, form="multiplicative", local=3))
TestNoTemporal = kept(TemporalContract, NoTemporal)
TestConvHead = kept(HeadContract, partial(ConvHead, width=8))
TestMse = kept(MetricContract, partial(MeanSquaredError, unit="1", value_range=(0.0, 1.0)))
TestMae = kept(MetricContract, partial(MeanAbsoluteError, unit="1", value_range=(0.0, 1.0)))
TestRmse = kept(MetricContract, partial(RootMeanSquaredError, unit="1", value_range=(0.0, 1.0)))
TestPsnr = kept(MetricContract, partial(PeakSignalToNoise, unit="1", value_range=(0.0, 1.0)))
TestSsim = kept(MetricContract, partial(StructuralSimilarity, unit="1", value_range=(0.0, 1.0)))
TestCsi = kept(MetricContract, partial(CriticalSuccessIndex, unit="1", value_range=(0.0, 1.0), thresholds=(0.3, 0.6)))
TestBias = kept(MetricContract, partial(FrequencyBias, unit="1", value_range=(0.0, 1.0), thresholds=(0.5,), pool=4))
TestWmape = kept(MetricContract, partial(WeightedMeanAbsolutePercentageError, unit="1", value_range=(0.0, 1.0)))
TestTraffic = kept(TaskContract, partial(SyntheticTraffic, height=8, width=9, days=3))
TestWeather = kept(TaskContract, partial(SyntheticWeather, height=8, width=9, days=3))
TestMotion = kept(TaskContract, partial(SyntheticMotion, **FEW))
TestDriving = kept(TaskContract, partial(SyntheticDriving, **FEW))

MUST_BE_GIVEN = {
    **{f"metric {name}": {"thresholds": (0.5,)} for name in ("csi", "pod", "sucr", "far", "mar", "bias", "hss", "ets")},
    "metric lpips": {"weights": "alexnet.pth"},
    "task grid": {"store": "waves.zarr"},
}
ALONE = ("metrics",)
"""Declared in an interpreter of its own; that all together import nothing heavy is asked in tests/unit/cli."""

for _, entry in installed({"UNISTD_PLUGINS": ""}):
    own = {"module": entry.value, "options": MUST_BE_GIVEN}
    if entry.name not in ALONE:
        own["test_declaring_imports_nothing_heavy"] = None
    name = f"Test{entry.name.title().replace('-', '')}Plugin"
    globals()[name] = type(name, (PluginContract,), own)

"""Learned perceptual similarity, with the weights of its trunk from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torchmetrics.functional.image.lpips import _LPIPS

from unistd.core.errors import DataError, UsageError
from unistd.core.metric import MetricIdentity
from unistd.plugins.metrics.frames import clipped, onto_unit, require_frames, require_range, suffixed
from unistd.plugins.metrics.lead_mean import LeadMean

SMALLEST = {"alex": 35, "vgg": 16}
"""Pixels a side that the trunk's strides leave something of."""


class PerceptualSimilarity(LeadMean):
    """LPIPS (Zhang et al. 2018) of each frame, mean over frames; 0 for equal frames.

    The linear layers on the features come with torchmetrics (version 0.1); the trunk's weights are torchvision's, which
    nobody may fetch here by surprise. Frames are mapped from ``value_range`` onto [-1, 1] and are RGB, or grey three
    times. A frame with a missing pixel takes no part.

    Args:
        leads: T'.
        unit: Unit of the data; takes no part.
        value_range: Smallest and largest value of the data in its unit.
        weights: torchvision's file of the whole network or its ``features``, ``.pth`` or safetensors.
        net: ``alex`` or ``vgg``, the trunk.
        clip: Whether predictions beyond ``value_range`` count as its ends.

    Raises:
        UsageError: No ``value_range``; in ``update``, frames that are neither grey nor RGB, or too small.
        DataError: The file is not there or holds something else.
    """

    def __init__(
        self,
        *,
        leads: int,
        unit: str,
        value_range: tuple[float, float] | None,
        weights: Path,
        net: Literal["alex", "vgg"] = "alex",
        clip: bool = False,
    ) -> None:
        del unit
        name = suffixed("lpips", vgg=net == "vgg", clip=clip)
        bounds = require_range(name, value_range)
        how = "predictions clipped to the value range" if clip else "unclipped"
        text = (
            f"per frame without a missing pixel, {net} trunk, value range mapped onto [-1, 1], {how}; mean over frames"
        )
        identity = MetricIdentity(name=name, unit="1", better="lower", reduction=text)
        super().__init__(leads=leads, identity=identity)
        self.value_range, self.net, self.clip = bounds, net, clip
        self.network = _network(net, weights)

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Take in ``prediction`` and ``target``, both (B, T', C', H, W) with C' 1 or 3; NaN targets are missing."""
        require_frames(prediction, target, self.leads)
        channels, height, width = target.shape[2:]
        if channels not in (1, 3) or min(height, width) < SMALLEST[self.net]:
            raise UsageError(
                f"{self.identity.name} cannot see frames of '{channels}×{height}×{width}' (C', H, W)",
                help=f"it takes 1 or 3 channels of at least {SMALLEST[self.net]} pixels a side; leave it out",
            )
        whole = ~target.flatten(2).isnan().any(dim=2)
        if self.clip:
            prediction = clipped(prediction, self.value_range)
        for at, frames in enumerate(whole.unbind(dim=1)):  # a lead at a time: features take some memory
            x, y = (self._image(each[:, at][frames]) for each in (prediction, target))
            if len(x):
                broken = ~x.flatten(1).isfinite().all(dim=1)
                distance = self.network(x, y).flatten().double()
                self.total[at] += distance.masked_fill(broken, torch.nan).sum()
                self.count[at] += len(x)

    def _image(self, frames: Tensor) -> Tensor:
        """Return ``frames`` (n, C', H, W) as (n, 3, H, W) in [-1, 1]."""
        return (2 * onto_unit(frames, self.value_range) - 1).expand(-1, 3, -1, -1)


def _network(net: Literal["alex", "vgg"], weights: Path) -> nn.Module:
    """Return LPIPS on the trunk whose weights are in the file ``weights``; nothing is downloaded."""
    network = _LPIPS(pretrained=True, net=net, pnet_rand=True)  # "pretrained" are the linear layers alone
    held = _features(weights)
    wanted = network.net.state_dict()  # slice1.0.weight is features.0.weight
    missing = [name for name in wanted if name.partition(".")[2] not in held]
    if missing or any(held[name.partition(".")[2]].shape != own.shape for name, own in wanted.items()):
        raise DataError(
            f"these are not the weights of torchvision's '{net}' trunk",
            where=str(weights),
            help=f"it has features.{min(held, default='')}…; "
            "for alex take torchvision's alexnet-owt-7be5be79.pth, for vgg vgg16-397923af.pth",
        )
    network.net.load_state_dict({name: held[name.partition(".")[2]] for name in wanted})
    return network


def _features(weights: Path) -> dict[str, Tensor]:
    """Return the tensors of ``features`` in a file, by name less that word."""
    if not weights.is_file():
        raise DataError(
            "metric 'lpips' has no trunk: there is no such file",
            where=str(weights),
            help="torchvision.models.alexnet(weights='DEFAULT') puts alexnet-owt-7be5be79.pth into "
            "~/.cache/torch/hub/checkpoints on a machine with network; give its path as weights",
        )
    try:
        safe = weights.suffix == ".safetensors"
        held = load_file(weights) if safe else torch.load(weights, map_location="cpu", weights_only=True)
    except Exception as error:
        raise DataError(f"cannot read these weights: {error}", where=str(weights), help="fetch them again") from error
    return {name.removeprefix("features."): value for name, value in held.items() if name.startswith("features.")}

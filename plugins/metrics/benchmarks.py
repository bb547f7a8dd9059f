"""Which metric of a spec equals which number that a benchmark prints; imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

SEVIR = (16.0, 74.0, 133.0, 160.0, 181.0, 219.0)
"""Thresholds of SEVIR, on its scale of 0 to 255."""


class Equal(NamedTuple):
    """A benchmark's number, the metric and options that give it, and in what the two still differ."""

    benchmark: str
    number: str
    kind: str
    options: Mapping[str, Any]
    difference: str = ""


BATCHES = "it averages over batches of unequal size, this over windows"
UNKNOWN = "its code as released does not run, so this is what it says, not what it printed"

EQUALS: tuple[Equal, ...] = (
    Equal("OpenSTL", "MSE", "mse", {"reduction": "frame", "scale": "range"}),
    Equal("OpenSTL", "MAE", "mae", {"reduction": "frame", "scale": "range"}),
    Equal("OpenSTL", "RMSE", "rmse", {"reduction": "frame", "scale": "range"}),
    Equal("OpenSTL", "PSNR", "psnr", {"clip": True}, "a perfect frame has 100 dB, there infinite"),
    Equal("OpenSTL", "SSIM", "ssim", {"span": 2, "clip": True, "scale": "range"}),
    Equal("OpenSTL", "SNR", "snr", {"clip": True, "scale": "range"}, "within ±100 dB"),
    Equal("OpenSTL", "LPIPS", "lpips", {"clip": True}, "Human3.6M and Caltech are BGR there, RGB here"),
    Equal("PredBench, video", "MSE", "mse", {"reduction": "frame", "scale": "range"}, BATCHES),
    Equal("PredBench, video", "MAE", "mae", {"reduction": "frame", "scale": "range"}, BATCHES),
    Equal(
        "PredBench, video",
        "RMSE",
        "rmse",
        {"reduction": "frame", "root": "per-frame", "scale": "range"},
        BATCHES,
    ),
    Equal("PredBench, traffic and weather", "MSE", "mse", {}, BATCHES),
    Equal("PredBench, traffic and weather", "MAE", "mae", {}, BATCHES),
    Equal("PredBench, traffic and weather", "RMSE", "rmse", {"root": "per-frame"}, BATCHES),
    Equal("PredBench, traffic and weather", "MAPE", "mape", {"zeros": "as-right"}, BATCHES),
    Equal("PredBench, traffic and weather", "wMAPE", "wmape", {}, "it is the mean of the batches' ratios"),
    Equal("PredBench", "PSNR", "psnr", {}, UNKNOWN),
    Equal("PredBench", "SSIM", "ssim", {"span": 2, "scale": "range"}, UNKNOWN),
    Equal("PredBench", "SNR", "snr", {"clip": True, "scale": "range"}, "it clips to the range of the batch's truth"),
    Equal("PredBench", "LPIPS", "lpips", {"clip": True}, "it clips to the range of the batch's truth"),
    Equal("PredBench, SEVIR", "csi_avg", "csi", {"thresholds": SEVIR}),
    Equal("PredBench, SEVIR", "pod_avg", "pod", {"thresholds": SEVIR}),
    Equal("PredBench, SEVIR", "sucr_avg", "sucr", {"thresholds": SEVIR}),
    Equal("PredBench, SEVIR", "bias_avg", "bias", {"thresholds": SEVIR}),
    Equal("PredBench, ENSO", "nino3.4, C-M", "nino-correlation", {}),
    Equal("PredBench, ENSO", "nino3.4, C-WM", "nino-correlation", {"weighted": True}),
    Equal("PredBench, ENSO", "nino3.4, RMSE", "nino-rmse", {}),
    Equal("Earthformer, Moving MNIST", "MSE", "mse", {"reduction": "frame", "scale": "range"}),
    Equal("Earthformer, Moving MNIST", "MAE", "mae", {"reduction": "frame", "scale": "range"}),
    Equal(
        "Earthformer, Moving MNIST",
        "SSIM",
        "ssim",
        {"window": "gaussian"},
        "there L is the range of each batch, and later versions of its library count windows across the edge",
    ),
    Equal("Earthformer, SEVIR and ENSO", "MSE", "mse", {"scale": "range"}),
    Equal("Earthformer, SEVIR and ENSO", "MAE", "mae", {"scale": "range"}),
    Equal("Earthformer, SEVIR", "CSI-M, mode 0", "csi", {"thresholds": SEVIR}),
    Equal("Earthformer, SEVIR", "CSI-M, mode 2", "csi", {"thresholds": SEVIR, "average": "leads"}),
    Equal(
        "Earthformer, ENSO", "C-Nino3.4-M", "nino-correlation", {}, "its truth is the file's index, this the field's"
    ),
    Equal(
        "Earthformer, ENSO",
        "C-Nino3.4-WM",
        "nino-correlation",
        {"weighted": True},
        "its truth is the file's index, this the field's",
    ),
    Equal("CasCast, SEVIR", "CSI-M, P4", "csi", {"thresholds": SEVIR, "pool": 4}),
    Equal("CasCast, SEVIR", "CSI-M, P16", "csi", {"thresholds": SEVIR, "pool": 16}),
    Equal("CasCast, SEVIR", "HSS", "hss", {"thresholds": SEVIR}),
)

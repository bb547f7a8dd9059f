"""Scores of forecasts in physical units, and those that benchmarks print."""

from __future__ import annotations

from unistd.plugins.metrics.config import (
    EventConfig,
    LpipsConfig,
    MapeConfig,
    NinoConfig,
    NinoCorrelationConfig,
    PixelConfig,
    PsnrConfig,
    RmseConfig,
    SnrConfig,
    SsimConfig,
    WmapeConfig,
)
from unistd.registry.component import Component, Config
from unistd.registry.hooks import hookimpl

PLUGIN_API = 1

METRICS: tuple[tuple[str, type[Config], str, str], ...] = (
    ("mse", PixelConfig, "pixelwise:MeanSquaredError", "Mean squared error, in the square of the data's unit"),
    ("mae", PixelConfig, "pixelwise:MeanAbsoluteError", "Mean absolute error, in the data's unit"),
    ("rmse", RmseConfig, "pixelwise:RootMeanSquaredError", "Root of the mean squared error, in the data's unit"),
    ("psnr", PsnrConfig, "psnr:PeakSignalToNoise", "Peak signal-to-noise ratio in dB; needs a task with a value range"),
    ("snr", SnrConfig, "psnr:SignalToNoise", "Signal-to-noise ratio in dB"),
    ("ssim", SsimConfig, "ssim:StructuralSimilarity", "Structural similarity; needs a task with a value range"),
    ("lpips", LpipsConfig, "lpips:PerceptualSimilarity", "Learned perceptual similarity, with weights from a file"),
    ("wmape", WmapeConfig, "percentage:WeightedMeanAbsolutePercentageError", "Sum of errors ÷ sum of targets"),
    ("mape", MapeConfig, "percentage:MeanAbsolutePercentageError", "Mean of error ÷ target; zeros as stated"),
    ("csi", EventConfig, "categorical:CriticalSuccessIndex", "Hits ÷ (hits + misses + false alarms)"),
    ("pod", EventConfig, "categorical:ProbabilityOfDetection", "Hits ÷ (hits + misses)"),
    ("sucr", EventConfig, "categorical:SuccessRatio", "Hits ÷ (hits + false alarms)"),
    ("far", EventConfig, "categorical:FalseAlarmRatio", "False alarms ÷ (hits + false alarms)"),
    ("mar", EventConfig, "categorical:MissRatio", "Misses ÷ (hits + misses)"),
    ("bias", EventConfig, "categorical:FrequencyBias", "Events forecast ÷ events seen"),
    ("hss", EventConfig, "categorical:HeidkeSkillScore", "Accuracy of events beyond chance"),
    ("ets", EventConfig, "categorical:EquitableThreatScore", "Critical success index beyond chance"),
    ("nino-correlation", NinoCorrelationConfig, "nino:NinoCorrelation", "Correlation of the Nino3.4 index by lead"),
    ("nino-rmse", NinoConfig, "nino:NinoRootMeanSquaredError", "Root mean squared error of the Nino3.4 index"),
)


@hookimpl
def unistd_components() -> list[Component]:
    """Return the metrics."""
    return [
        Component(
            kind="metric",
            name=name,
            config=config,
            target=f"unistd.plugins.metrics.{target}",
            summary=summary,
            requires=("torchvision>=0.20",) if name == "lpips" else (),
        )
        for name, config, target, summary in METRICS
    ]

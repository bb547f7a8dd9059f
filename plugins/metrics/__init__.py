"""Scores of forecasts in physical units: mse, mae, rmse, psnr and ssim."""

from __future__ import annotations

from unistd.plugins.metrics.config import MaeConfig, MseConfig, PsnrConfig, RmseConfig, SsimConfig
from unistd.registry.component import Component
from unistd.registry.hooks import hookimpl

PLUGIN_API = 1


@hookimpl
def unistd_components() -> list[Component]:
    """Return the five metrics."""
    return [
        Component(
            kind="metric",
            name="mse",
            config=MseConfig,
            target="unistd.plugins.metrics.pixelwise:MeanSquaredError",
            summary="Mean squared error per valid pixel, in the square of the data's unit",
        ),
        Component(
            kind="metric",
            name="mae",
            config=MaeConfig,
            target="unistd.plugins.metrics.pixelwise:MeanAbsoluteError",
            summary="Mean absolute error per valid pixel, in the data's unit",
        ),
        Component(
            kind="metric",
            name="rmse",
            config=RmseConfig,
            target="unistd.plugins.metrics.pixelwise:RootMeanSquaredError",
            summary="Root of the mean squared error over all valid pixels, in the data's unit",
        ),
        Component(
            kind="metric",
            name="psnr",
            config=PsnrConfig,
            target="unistd.plugins.metrics.psnr:PeakSignalToNoise",
            summary="Peak signal-to-noise ratio per frame in dB; needs a task with a value range",
        ),
        Component(
            kind="metric",
            name="ssim",
            config=SsimConfig,
            target="unistd.plugins.metrics.ssim:StructuralSimilarity",
            summary="Structural similarity per frame and channel; needs a task with a value range",
        ),
    ]

"""Options of the metrics; imports no torch."""

from __future__ import annotations

from typing import Literal

from unistd.registry.component import Config


class MseConfig(Config):
    """Mean squared error; no options."""


class MaeConfig(Config):
    """Mean absolute error; no options."""


class RmseConfig(Config):
    """Root mean squared error; no options."""


class PsnrConfig(Config):
    """Peak signal-to-noise ratio; no options, its range is the task's value range."""


class SsimConfig(Config):
    """Structural similarity; its range is the task's value range."""

    window: Literal["uniform", "gaussian"] = "uniform"
    """``uniform``: 7×7 with sample covariance; ``gaussian``: 11×11 with sigma 1.5, as where SSIM was introduced."""

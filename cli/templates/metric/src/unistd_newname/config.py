"""Options of the metric; imports no torch."""

from __future__ import annotations

from unistd.registry.component import Config


class NewNameConfig(Config):
    """Options of ``newname``."""

    relative: bool = False
    """Whether the mean error is divided by the mean of the targets."""

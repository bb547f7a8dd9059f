"""Options of the observers."""

from __future__ import annotations

from unistd.registry.component import Config, UserPath


class TensorBoardConfig(Config):
    """``tensorboard`` has no options."""


class CsvConfig(Config):
    """``csv`` has no options."""


class StatusConfig(Config):
    """Options of ``status``."""

    file: UserPath | None = None
    """Where it is written; ``status.json`` in the run's folder by default."""


class ResourcesConfig(Config):
    """``resources`` has no options."""

"""What a spec may say; each field is a keyword argument of the class of the same name, and its text is in the docs.

Specs are validated with these classes alone, so nothing heavy is imported here.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from unistd.registry.component import Config, TaskConfig


class HeatConfig(TaskConfig):  # a task has a window, head, metrics, weight and store as well
    """Hot spots on a plate."""

    spots: Annotated[int, Field(ge=1)] = 5
    """Hot spots at the start."""
    plates: Annotated[int, Field(ge=1)] = 20
    """Plates of the training split; validation and test have a quarter as many each."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Which plates are drawn."""


class PeakConfig(Config):
    """``hello-peak`` has no options."""


class PatchHeadConfig(Config):
    """Options of ``hello-patch``."""

    patch: Annotated[int, Field(ge=1)] = 4
    """Pixels of a patch's side."""

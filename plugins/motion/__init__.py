"""Motion: moving objects filmed by a camera at rest."""

from __future__ import annotations

from unistd.plugins.motion.config import MovingDigitsConfig
from unistd.registry.component import Component
from unistd.registry.hooks import hookimpl

PLUGIN_API = 1


@hookimpl
def unistd_components() -> list[Component]:
    """Declare the motion tasks."""
    return [
        Component(
            kind="task",
            name="moving-digits",
            config=MovingDigitsConfig,
            target="unistd.plugins.motion.moving_digits:MovingDigits",
            summary="Handwritten digits bouncing in a 64×64 box, 10→10",
        )
    ]

"""Motion: moving objects filmed by a camera at rest."""

from __future__ import annotations

from unistd.plugins.motion.config import BairConfig, Human36mConfig, KthConfig, MovingDigitsConfig, MovingMnistConfig
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
        ),
        Component(
            kind="task",
            name="moving-mnist",
            config=MovingMnistConfig,
            target="unistd.plugins.motion.moving_mnist:MovingMnist",
            summary="Moving MNIST: generated training sequences, the 10 000 fixed test sequences, 10→10",
        ),
        Component(
            kind="task",
            name="bair",
            config=BairConfig,
            target="unistd.plugins.motion.bair:Bair",
            summary="A robot's arm pushing objects, 3×64×64, 2→10 or 4→12",
        ),
        Component(
            kind="task",
            name="human36m",
            config=Human36mConfig,
            target="unistd.plugins.motion.human36m:Human36m",
            summary="Human3.6M: actors in a studio, 3×256×256, every fifth frame, 4→4",
        ),
        Component(
            kind="task",
            name="kth",
            config=KthConfig,
            target="unistd.plugins.motion.kth:Kth",
            summary="KTH actions: people walking, boxing, waving, 128×128, 10→20 or 10→40",
        ),
    ]

"""The test windows a run forecasts worst, each with a picture."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

from unistd.core.data.windows import Windows
from unistd.core.evaluation.baselines import baselines
from unistd.core.evaluation.by_window import window_errors, worst_windows
from unistd.core.evaluation.report import MODEL, PERSISTENCE
from unistd.core.report.contents import BadWindow
from unistd.registry.drawing import draw_strip
from unistd.registry.joint_run import JointRun
from unistd.registry.scoring import compose_scoring

SHOWN = 3


def worst_of(run: JointRun, name: str, windows: Windows, batch: int) -> list[BadWindow]:
    """Return the worst windows of task ``name``, its weights and ``windows`` on the model's device."""
    device = next(run.forecaster.parameters()).device
    views = compose_scoring(run.tasks[name], run.stores[name], run.registry).views
    forecasts = {
        MODEL: lambda past, _: run.forecaster.forecast(name, past),
        PERSISTENCE: baselines(windows).forecasts[PERSISTENCE],
    }
    view = {"view": views["mse"]} if "mse" in views else {}
    errors = window_errors(windows, forecasts, batch=batch, device=device, **view)
    with TemporaryDirectory() as folder:
        return [
            BadWindow(
                place=_place(windows, at),
                error=float(errors[MODEL][at]),
                persistence=float(errors[PERSISTENCE][at]),
                strip=small(draw_strip(run, name, windows, at, Path(folder) / f"{at}.png").read_bytes()),
            )
            for at in worst_windows(windows, errors[MODEL], SHOWN)
        ]


def _place(windows: Windows, at: int) -> str:
    start = int(windows.starts[at])
    target, store = start + windows.past, windows.store
    unit = {"h": "m"}.get(store.card.step[1], store.card.step[1])  # 15:00 is a time, 15 is none
    times = [str(store.times[i].astype(f"datetime64[{unit}]")) for i in (target, target + windows.future - 1)]
    first, last = (text.replace("T", " ") for text in times)
    return (
        f"Forecast of {first} to {last}, sequence {store.sequence[start]}, "
        f"frames {target} to {target + windows.future - 1} of the store"
    )


def small(png: bytes) -> bytes:
    """Return the picture ``png`` as WebP, the same pixels in two thirds of the bytes."""
    held = BytesIO()
    Image.open(BytesIO(png)).convert("RGB").save(held, "WEBP", lossless=True, quality=60, method=4)
    return held.getvalue()

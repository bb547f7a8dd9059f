"""The top of the page: what the run is, what to worry about, and how well it forecasts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from unistd.core.evaluation.report import MODEL, PERSISTENCE
from unistd.core.report.contents import RunContents
from unistd.core.report.html import Html, code, figure, joined, paragraph, tag

FARTHEST = 3.0  # × persistence; a longer bar would squeeze the others


def head(run: RunContents) -> Html:
    """Return name, sentence, alarms and each task's error beside persistence."""
    return joined(
        tag("h1", str(run.spec["name"])),
        paragraph(_sentence(run)),
        alarms(run),
        _summary(run) if run.metrics else _not_scored(run),
    )


def _sentence(run: RunContents) -> str:
    every, shown = run.spec["tasks"], list(run.tasks)
    tasks = f"{len(every)} tasks" if len(every) > 1 else "one task"
    some = "" if len(shown) == len(every) else f"; this page shows {', '.join(shown)}"
    total, learning = run.parameters
    asked, best = run.spec["training"]["steps"], run.best
    chosen = (
        f"best at step {best['step']}, with a validation error ÷ persistence of {best['score']:.3f}" if best else ""
    )
    words = [
        f"One model of {tasks} ({', '.join(every)}{some}): {total:,} parameters, {learning:,} of them learned",
        f"{run.last_step:,} of {asked:,} steps",
        chosen or "no validation yet",
        f"started {run.dates[0]}, last trained {run.dates[1]} (dates of its files)",
    ]
    return "; ".join(words) + "."


def alarms(run: RunContents) -> Html:
    """Return what the training raised an alarm about, once each with the first step of it; nothing if it did not."""
    first: dict[str, int] = {}
    for row in run.rows["alarm"]:
        first.setdefault(str(row["what"]), int(row["step"]))
    if not first:
        return Html("")
    lines = [tag("li", f"from step {step}: {what}") for what, step in first.items()]
    return tag("div", "Alarms of the training", tag("ul", *lines), class_="alarm", role="alert")


def _not_scored(run: RunContents) -> Html:
    again = f"{run.record.get('command', 'unistd train SPEC')} --resume"
    missing = " yet, so scores, pictures and worst cases are missing."
    return tag(
        "div",
        paragraph("Not scored on the test split: there is no ", code("metrics.json"), missing),
        paragraph(code(again), " trains to the end and scores the best checkpoint; then make this page again."),
        class_="missing",
    )


def _summary(run: RunContents) -> Html:
    assert run.metrics is not None
    scored = {name: _ratios(run.metrics["tasks"][name]) for name in run.tasks if name in run.metrics["tasks"]}
    ordered = sorted(scored, key=lambda name: _or_infinite(scored[name][MODEL]))
    models = [ratios[MODEL] for ratios in scored.values() if math.isfinite(ratios[MODEL])]
    limit = 1.05 * max(1.0, min(max(models, default=1.0), FARTHEST))
    cells = [cell for name in ordered for cell in _bar(name, scored[name], limit)]
    caption = (
        "Mean squared error on the test split ÷ that of persistence (dashed: 1); shorter is better. "
        "◆ the best other baseline, where it is within the scale."
    )
    return figure(tag("div", *cells, class_="bars"), caption)


def _ratios(record: Mapping[str, Any]) -> dict[str, float]:
    """Return mean squared errors ÷ that of persistence; NaN where that is 0."""
    scores = {MODEL: record["test"]["mse"]} | {name: own["mse"] for name, own in record["baselines"].items()}
    still = scores.pop(PERSISTENCE)
    return {name: value / still if still else math.nan for name, value in scores.items()}


def _or_infinite(ratio: float) -> float:
    return ratio if math.isfinite(ratio) else math.inf


def _bar(name: str, ratios: Mapping[str, float], limit: float) -> Sequence[Html]:
    ratio = ratios[MODEL]
    share = 100 * min(ratio, limit) / limit if math.isfinite(ratio) else 0.0
    parts = [
        tag("span", class_="bar" if ratio < 1 else "bar worse", style=f"width:{share:.2f}%"),
        tag("span", class_="one", style=f"left:{100 / limit:.2f}%"),
    ]
    other = min((each for each in ratios if each != MODEL), key=lambda each: _or_infinite(ratios[each]), default="")
    if other and ratios[other] <= limit:
        place = f"left:{100 * ratios[other] / limit:.2f}%"
        parts.append(tag("span", "◆", class_="mark", style=place, title=f"{other} {ratios[other]:.3f}"))
    return (
        tag("span", tag("a", name, href=f"#task-{name}"), class_="name"),
        tag("span", *parts, class_="track"),
        tag("span", f"{ratio:.3f}" if math.isfinite(ratio) else "-", class_="value"),
    )

"""One task: its scores, a forecast, its error by lead time, and its worst windows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from unistd.core.evaluation.report import number, score_rows
from unistd.core.figures.style import lead_label
from unistd.core.report.charts import Line, line_chart
from unistd.core.report.contents import RunContents, TaskContents
from unistd.core.report.html import Html, code, details, figure, image, joined, paragraph, table, tag


def task_section(run: RunContents, name: str) -> Html:
    """Return everything about task ``name``."""
    task = run.tasks[name]
    record = run.metrics["tasks"].get(name) if run.metrics else None
    parts = [tag("h2", name, id=f"task-{name}"), paragraph(_sentence(task, record))]
    if record is None:
        said = paragraph("No scores of this task yet.") if run.metrics is None else _unscored(name)
        return tag("section", *parts, said)
    numbers = tag("div", tag("div", _scores(record)), tag("div", _by_lead(name, task, record)), class_="pair")
    parts += [numbers, _pictures(run, name), _worst(run, name, record)]
    return tag("section", *parts)


def _sentence(task: TaskContents, record: Mapping[str, Any] | None) -> str:
    card, window = task.card, task.window
    units = ", ".join(f"{c.name} ({c.unit})" if c.unit != "1" else c.name for c in card.channels)
    counted = f"; {record['windows']} test windows" if record else ""
    step = lead_label(1, card).removeprefix("+")
    return (
        f"{card.name} ({card.discipline}): {units}; a frame every {step}, "
        f"{window.past} frames in, {window.future} frames out{counted}."
    )


def _unscored(name: str) -> Html:
    return paragraph(code("metrics.json"), f" has no scores of '{name}'.")


def _scores(record: Mapping[str, Any]) -> Html:
    rows = [
        (
            row.metric,
            row.model + "*" * (row.winner == "model"),
            row.persistence + "*" * (row.winner == "persistence"),
            row.compared,
            (row.other or "-") + "*" * (row.winner == "other"),
            row.unit,
        )
        for row in score_rows(record, "test")
    ]
    header = ("metric", "model", "persistence", "÷ pers.", "best other", "unit")
    left_out = [paragraph(f"No {name}: {why}.") for name, why in record["left_out"].items()]
    return joined(table(header, rows), paragraph("* best; metrics in dB are compared by their difference."), *left_out)


def _pictures(run: RunContents, name: str) -> Html:
    task = run.tasks[name]
    if task.strip is None:
        where = f"{run.spec['output']}/figures/{name}.png"
        again = f"unistd predict {run.spec['output']} --task {name} --out {name}.zarr"
        said = paragraph("No picture: ", code(where), " is gone. ", code(again), " draws one.")
        return tag("div", said, class_="missing")
    alt = f"{name}: input, truth, forecast and error of one test window as rows of frames over time"
    parts = [figure(image(task.strip, alt), "The middle test window: input, truth, forecast, and forecast − truth.")]
    if task.animation is not None:
        moving = image(task.animation, f"{name}: the same window moving, input, truth, forecast and error side by side")
        parts.append(figure(moving, "The same window, moving.", class_="moving"))
    return joined(*parts)


def _by_lead(name: str, task: TaskContents, record: Mapping[str, Any]) -> Html:
    leads = range(1, len(record["leads"]["mse"]) + 1)
    others = record.get("baseline_leads", {})  # runs scored before baselines were kept by lead time have none
    lines = {"model": Line(leads, _known(record["leads"]["mse"]), heavy=True)}
    lines |= {baseline: Line(leads, _known(by["mse"])) for baseline, by in others.items()}
    unit = record["metrics"]["mse"]["unit"]
    step = lead_label(1, task.card).removeprefix("+")
    alt = f"{name}: mean squared error by lead time of {', '.join(lines)}"
    label = "mse" if unit == "1" else f"mse ({unit})"
    chart = line_chart(f"lead-{name}", lines, x_label=f"frames ahead, {step} each", y_label=label, alt=alt)
    missing = "" if others else " This run's metrics.json has no baselines by lead time: an older unistd scored it."
    header = ["lead", *record["leads"]]
    rows = [
        [lead_label(lead, task.card), *(_number(values[lead - 1]) for values in record["leads"].values())]
        for lead in leads
    ]
    shown = figure(chart, f"Error by lead time on the test split.{missing}")
    return joined(shown, details("All metrics of the model by lead time", table(header, rows)))


def _known(values: Sequence[float | None]) -> list[float]:
    return [math.nan if value is None else value for value in values]


def _number(value: float | None) -> str:
    return "-" if value is None else number(value)


def _worst(run: RunContents, name: str, record: Mapping[str, Any]) -> Html:
    task = run.tasks[name]
    title = tag("h3", "Worst cases")
    if not task.worst:
        return joined(title, tag("div", paragraph(f"None shown: {task.without_worst}"), class_="missing"))
    mean, unit = record["test"]["mse"], record["metrics"]["mse"]["unit"]
    unit = "" if unit == "1" else f" {unit}"
    said = (
        f"Of the {record['windows']} test windows, those of the largest mean squared error, no two of which share a "
        f"frame. All windows together have {number(mean)}{unit}."
    )
    shown = [
        figure(
            image(bad.strip, f"{name}, worst case {place}: input, truth, forecast and error"),
            tag("strong", f"{place}. mse {number(bad.error)}{unit}"),
            f", {_times(bad.error, mean)} the mean; persistence here {number(bad.persistence)}. {bad.place}.",
        )
        for place, bad in enumerate(task.worst, start=1)
    ]
    return joined(title, paragraph(said), *shown)


def _times(error: float, mean: float) -> str:
    return f"{error / mean:.2g} ×" if mean else "beside 0,"

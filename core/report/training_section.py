"""How the training went: losses, validation, learning rate, gradients, alarms."""

from __future__ import annotations

from collections.abc import Sequence

from unistd.core.report.charts import Line, line_chart
from unistd.core.report.contents import Row, RunContents
from unistd.core.report.head import alarms
from unistd.core.report.html import Html, figure, paragraph, tag


def training_section(run: RunContents) -> Html:
    """Return the curves of the log."""
    title = tag("h2", "Training", id="training")
    if not run.rows["train"]:
        return tag("section", title, paragraph("The log has no step yet."), alarms(run))
    charts = [_by_task(run, "loss"), _validation(run), _by_task(run, "gradient"), _learning_rate(run)]
    return tag("section", title, alarms(run), tag("div", *charts, class_="charts"))


def _by_task(run: RunContents, what: str) -> Html:
    lines = {
        name: _line([(row["step"], row["tasks"][name][what]) for row in run.rows["train"] if name in row["tasks"]])
        for name in run.tasks
    }
    clip = run.spec["training"]["optimizer"]["clip"]
    label, said = {
        "loss": ("training loss", "Mean squared error of a task's batches in normalised units"),
        "gradient": (
            "gradient norm",
            f"Norm of a task's gradients{f', before they are cut to {clip:g}' if clip else ''}",
        ),
    }[what]
    alt = f"{label} over the steps, a line for each of {', '.join(lines)}"
    return figure(
        line_chart(what, lines, x_label="step", y_label=label, alt=alt), f"{said}; mean since the last row of the log."
    )


def _validation(run: RunContents) -> Html:
    rows, best = run.rows["validation"], run.best
    if best is None:
        return paragraph(
            "No validation yet: the first is at step ", str(run.spec["training"]["checkpoint"]["every"]), "."
        )
    scored = [name for name in run.tasks if name in rows[-1]["errors"]]  # tasks that are frozen are not
    lines = {name: _line([(row["step"], _ratio(row, name)) for row in rows]) for name in scored}
    if len(run.spec["tasks"]) > 1:
        lines["all tasks"] = _line([(row["step"], row["score"]) for row in rows])._replace(heavy=True)
    said = f"Validation error ÷ persistence; the best mean is {best['score']:.3f} at step {best['step']} (dashed)."
    alt = f"validation error divided by persistence over the steps, a line for each of {', '.join(lines)}"
    chart = line_chart("validation", lines, x_label="step", y_label="error ÷ persistence", alt=alt, mark=best["step"])
    return figure(chart, said)


def _ratio(row: Row, name: str) -> float:
    return float(row["errors"][name] / (row["persistence"][name] or 1.0))


def _learning_rate(run: RunContents) -> Html:
    lines = {"learning rate": _line([(row["step"], row["lr"]) for row in run.rows["train"]])}
    alt = "learning rate over the steps"
    return figure(
        line_chart("rate", lines, x_label="step", y_label="learning rate", alt=alt, linear=True), "Learning rate."
    )


def _line(points: Sequence[tuple[int, float]]) -> Line:
    return Line([step for step, _ in points], [value for _, value in points])

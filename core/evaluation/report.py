"""Scores as a record that is kept and as a table that is read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, NamedTuple

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from unistd.core.metric import Metric, Score
from unistd.core.task import Split

MODEL, PERSISTENCE = "model", "persistence"


class ScoreRow(NamedTuple):
    """A metric's scores in words: ``compared`` is the model ÷ persistence, or their difference in dB.

    ``other`` is the best other baseline with its name, empty without any; ``winner`` is ``model``, ``persistence`` or
    ``other``, whichever is the best of all.
    """

    metric: str
    model: str
    persistence: str
    compared: str
    other: str
    unit: str
    winner: str


def task_record(
    scores: Mapping[str, Score],
    baselines: Mapping[str, Mapping[str, Score]],
    left_out: Mapping[str, str],
    metrics: Mapping[str, Metric],
    *,
    split: Split,
    unit: str,
    windows: int,
) -> dict[str, Any]:
    """Return one task's entry of ``metrics.json``; numbers are in the units of the metrics' identities.

    ``parts`` and ``baseline_parts`` have, of metrics whose value is made of parts, each of them by its name, such as
    ``{"csi": {"16": 0.7, "74": 0.6}}`` by threshold.

    Args:
        scores: The model's scores by metric.
        baselines: Each baseline's scores by metric.
        left_out: Why other baselines are missing.
        metrics: What the scores are of.
        split: What was scored; the key of the model's scores.
        unit: Unit of the data.
        windows: How many windows were scored.
    """
    return {
        split: _values(scores),
        "leads": {name: _leads(score) for name, score in scores.items()},
        "baselines": {name: _values(scores) for name, scores in baselines.items()},
        "baseline_leads": {
            name: {metric: _leads(score) for metric, score in scores.items()} for name, scores in baselines.items()
        },
        "parts": _parts(scores),
        "baseline_parts": {name: _parts(scores) for name, scores in baselines.items()},
        "left_out": dict(left_out),
        "unit": unit,
        "windows": windows,
        "metrics": {name: asdict(metric.identity) for name, metric in metrics.items()},
    }


def _values(scores: Mapping[str, Score]) -> dict[str, float]:
    return {name: float(score.value) for name, score in scores.items()}


def _parts(scores: Mapping[str, Score]) -> dict[str, dict[str, float | None]]:
    return {
        metric: {name: value if math.isfinite(value := float(part)) else None for name, part in score.parts.items()}
        for metric, score in scores.items()
        if score.parts
    }


def _leads(score: Score) -> list[float | None]:
    """Return the scores by lead; one at which no window has a valid target has none."""
    return [value if math.isfinite(value) else None for value in score.per_lead.tolist()]


def results_table(records: Mapping[str, Mapping[str, Any]], split: Split = "test") -> Table:
    """Lay out ``task_record`` entries of ``split`` by task: model, persistence, best other baseline; ``*`` is the best.

    Then the model's score ÷ persistence's; for metrics in dB, where a ratio means nothing, the difference.
    """
    table = Table(
        title=f"Scores on the {split} split, * best", title_justify="left", box=SIMPLE_HEAD, padding=0, show_edge=False
    )
    table.add_column("metric", overflow="fold")
    table.add_column("model", justify="right", no_wrap=True)
    table.add_column("persistence", justify="right", no_wrap=True)
    table.add_column("÷ pers.", justify="right", no_wrap=True)
    table.add_column("best other", justify="right", overflow="fold")
    table.add_column("unit", overflow="fold")
    for task, record in records.items():
        table.add_row(Text(task, style="bold"))
        for row in score_rows(record, split):
            table.add_row(*_cells(row))
        table.add_section()
    return table


def score_rows(record: Mapping[str, Any], split: Split) -> list[ScoreRow]:
    """Return the scores of one ``task_record`` entry of ``split``, metric by metric, its parts after each."""
    rows = []
    for metric, identity in record["metrics"].items():
        scores = {MODEL: record[split][metric]} | {name: own[metric] for name, own in record["baselines"].items()}
        rows.append(_score_row(metric, identity, scores))
        parts = record.get("parts", {}).get(metric, {})  # runs scored before there were parts have none
        for part in parts if len(parts) > 1 else ():  # a single one is the value itself
            scores = {MODEL: record["parts"][metric][part]} | {
                name: own[metric][part] for name, own in record["baseline_parts"].items()
            }
            known = {name: math.nan if value is None else value for name, value in scores.items()}
            rows.append(_score_row(f"{metric}@{part}", identity, known))
    return rows


def _score_row(label: str, identity: Mapping[str, Any], scores: Mapping[str, float]) -> ScoreRow:
    better = identity["better"]
    others = {name: value for name, value in scores.items() if name not in (MODEL, PERSISTENCE)}
    other = _best(others, better)
    return ScoreRow(
        label,
        number(scores[MODEL]),
        number(scores[PERSISTENCE]),
        _against(scores[MODEL], scores[PERSISTENCE], decibel=identity["unit"] == "dB"),
        f"{number(others[other])} {other}" if other else "",
        identity["unit"],
        {MODEL: "model", PERSISTENCE: "persistence"}.get(winner, "other") if (winner := _best(scores, better)) else "",
    )


def _cells(row: ScoreRow) -> list[str | Text]:
    model, persistence = (_mark(getattr(row, name), won=row.winner == name) for name in (MODEL, PERSISTENCE))
    other = _mark(row.other, won=row.winner == "other") if row.other else "-"
    return [row.metric, model, persistence, row.compared, other, row.unit]


def _best(scores: Mapping[str, float], better: str) -> str | None:
    """Return the name of the best of ``scores``; a NaN is never best, and ``None`` means there is none."""
    known = {name: value for name, value in scores.items() if not math.isnan(value)}
    return min(known, key=lambda name: _loss(known[name], better)) if known else None


def _loss(value: float, better: str) -> float:
    """Return a number that is smaller the better ``value`` is; twice too much is as bad as half of it."""
    if better == "one":
        return abs(math.log(value)) if value > 0 else math.inf
    return -value if better == "higher" else value


def _against(value: float, persistence: float, *, decibel: bool) -> str:
    """Return how ``value`` stands to that of persistence: a ratio, which only a positive one has, or dB between."""
    if decibel:
        return f"{value - persistence:+.2f}"
    return f"{value / persistence:.3f}" if persistence > 0 else "-"


def number(value: float) -> str:
    """Return ``value`` in four significant digits."""
    return f"{value:.4g}"


def _mark(text: str, *, won: bool) -> Text:
    return Text(f"{text}*", style="bold green") if won else Text(f"{text} ")

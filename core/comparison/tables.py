"""A comparison as tables on a terminal, as Markdown and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from unistd.core.comparison.outcome import Outcome
from unistd.core.comparison.summary import MEAN, Row, Summary, Value
from unistd.core.evaluation.report import PERSISTENCE
from unistd.core.task import Split

COSTS = ("variant", "÷ heads alone", "joint ÷ single", "parameters", "learn", "seconds", "memory")


def errors_table(summary: Summary, split: Split) -> Table:
    """Lay out error ÷ persistence by variant and task, its spread over the seeds below; ``*`` is the best."""
    table = Table(
        title=f"Error ÷ persistence on the {split} split, ± deviation over seeds, * best",
        title_justify="left",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        show_edge=False,
    )
    table.add_column("variant", overflow="fold")
    columns = [*summary.tasks, MEAN]
    for column in columns:
        table.add_column(column, justify="right", overflow="fold")
    for row in summary.rows:
        cells = [_cell(row.errors[column], won=row is summary.winner(column)) for column in columns]
        table.add_row(_named(row), *cells)
    for name, values in _references(summary):
        table.add_row(Text(name, style="dim"), *(Text(values.get(task, "-"), style="dim") for task in columns))
    return table


def costs_table(summary: Summary) -> Table:
    """Lay out what each variant is worth beside the heads alone and beside single-task training, and what it cost."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    for name in COSTS:
        table.add_column(name, justify="left" if name == "variant" else "right", overflow="fold")
    for cells in _costs(summary):
        table.add_row(*cells)
    return table


def markdown(summary: Summary, split: Split) -> str:
    """Return both tables as Markdown."""
    columns = [*summary.tasks, MEAN]
    lines = [f"Error ÷ persistence on the {split} split, mean ± deviation over seeds; the best in bold.", ""]
    lines += _markdown_head(["variant", *columns])
    for row in summary.rows:
        cells = []
        for column in columns:
            text = _number(row.errors[column])
            cells.append(f"**{text}**" if row is summary.winner(column) else text)
        lines.append(_markdown_row([_named(row), *cells]))
    for name, values in _references(summary):
        lines.append(_markdown_row([name, *(values.get(column, "") for column in columns)]))
    lines += ["", *_markdown_head(COSTS), *(_markdown_row(cells) for cells in _costs(summary))]
    return "\n".join(lines) + "\n"


def summary_json(summary: Summary, outcomes: Iterable[Outcome], split: Split) -> dict[str, Any]:
    """Return everything as plain data: rows, ratios between them, winners, and every single run."""
    columns = [*summary.tasks, MEAN]
    return {
        "split": split,
        "metric": "mse ÷ persistence",
        "tasks": list(summary.tasks),
        "rows": {row.name: _row_json(row) for row in summary.rows},
        "winner": {column: summary.winner(column).name for column in columns},
        "joint_by_single": {name: _values_json(values) for name, values in summary.joint_by_single().items()},
        "heads_only": summary.control or None,
        "by_heads_only": {name: _values_json(values) for name, values in summary.by_control().items()},
        "baselines": {task: dict(values) for task, values in summary.baselines.items()},
        "runs": [outcome.dump() for outcome in outcomes],
    }


def _row_json(row: Row) -> dict[str, Any]:
    costs = {name: getattr(row, name) for name in ("parameters", "learning", "seconds", "peak_bytes")}
    return {"errors": _values_json(row.errors), **costs}


def _values_json(values: Mapping[str, Value]) -> dict[str, Any]:
    return {
        name: {"mean": value.mean, "spread": value.spread, "seeds": {str(s): v for s, v in value.seeds.items()}}
        for name, value in values.items()
    }


def _costs(summary: Summary) -> Iterator[list[str]]:
    by_control, by_single = summary.by_control(), summary.joint_by_single()
    for row in summary.rows:
        joint = None if row.alone else by_single.get(row.variant)
        heads = by_control.get(row.name)
        yield [
            _named(row),
            _number(heads[MEAN]) if heads else "-",
            _number(joint[MEAN]) if joint else "-",
            f"{row.parameters / 1e6:.2f} M",
            f"{row.learning / 1e6:.2f} M",
            f"{row.seconds:.0f}",
            f"{row.peak_bytes / 2**20:.0f} MiB",
        ]


def _named(row: Row) -> str:
    seeds = len(row.errors[MEAN].seeds)
    return f"{row.name} ({seeds})" if seeds > 1 else row.name


def _references(summary: Summary) -> Iterator[tuple[str, dict[str, str]]]:
    yield PERSISTENCE, dict.fromkeys([*summary.tasks, MEAN], "1.000")
    names = dict.fromkeys(name for values in summary.baselines.values() for name in values)
    for name in sorted(names):
        yield name, {task: f"{own[name]:.3f}" for task, own in summary.baselines.items() if name in own}


def _number(value: Value) -> str:
    return f"{value.mean:.3f}" + ("" if value.spread is None else f" ±{value.spread:.3f}")


def _cell(value: Value, *, won: bool) -> Text:
    text = Text(f"{value.mean:.3f}" + ("*" if won else " "), style="bold green" if won else "")
    return text if value.spread is None else text.append(f"\n±{value.spread:.3f} ", style="dim not bold")


def _markdown_head(names: Iterable[str]) -> list[str]:
    listed = list(names)
    return [_markdown_row(listed), _markdown_row(["---"] * len(listed))]


def _markdown_row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"

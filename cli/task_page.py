"""A task's sheet in Markdown, for the terminal and for ``docs/tasks``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from unistd.core.markdown import page, table

UNITS = {"m": "min", "D": "day", "M": "month"}
"""How numpy's letters of time are said; the others say it themselves."""
NONE = "–"


def task_page(sheet: Mapping[str, Any]) -> str:
    """Return the page of one task."""
    parts = [f"# {sheet['name']}", sheet["summary"] + ".", _card(sheet["card"])]
    parts += [_section("Raw files, and what becomes of them", sheet["files"]), _protocols(sheet["protocols"])]
    parts += [_options(sheet["options"]), _metrics(sheet["metrics"])]
    return page(*parts)


def index_page(sheets: Iterable[Mapping[str, Any]]) -> str:
    """Return the page that lists all tasks with a link to each."""
    rows = []
    for sheet in sheets:
        card = sheet["card"]
        link = f"[{sheet['name']}]({sheet['name']}.md)"
        names = ", ".join(protocol["name"] for protocol in sheet["protocols"])
        rows.append((link, card["discipline"], sheet["summary"], names))
    how = "Written by `make docs-pages` from the tasks' declarations; `unistd tasks show NAME` prints the same page."
    return page("# Tasks", how, table(("task", "discipline", "what", "protocols"), rows, aligned=True))


def window_of(card: Mapping[str, Any]) -> str:
    """Say how many frames a card's window shows and asks for."""
    return f"{card['window']['past']} → {card['window']['future']}"


def step_of(card: Mapping[str, Any]) -> str:
    """Say how far a card's frames are apart."""
    count, unit = card["step"]
    return f"{count} {UNITS.get(unit, unit)}"


def _card(card: Mapping[str, Any]) -> str:
    rows = [
        ("discipline", card["discipline"]),
        ("version", card["version"]),
        ("window", _windows(card)),
        ("step", step_of(card)),
        ("channels", ", ".join(f"{channel['name']} [{channel['unit']}]" for channel in card["channels"])),
        ("normalisation", _normalization(card)),
        ("stored as", _packing(card)),
        ("missing values", _missing(card)),
        ("cycles", ", ".join(f"{cycle['name']} of {cycle['steps']} frames" for cycle in card["cycles"])),
        ("mirrored in training", ", ".join(card["mirrors"])),
    ]
    rows = [(name, value) for name, value in rows if value]
    rows += [(name, card[name] or NONE) for name in ("source", "size", "licence")]
    return table(("card", ""), rows, aligned=True)


def _windows(card: Mapping[str, Any]) -> str:
    train, val, test = card["stride"]
    every = "frame" if train == 1 else f"{train} frames"
    if not train == val == test:
        every += f" in training, {val} in validation, {test} in test"
    return f"{window_of(card)} frames; one begins every {every}"


def _normalization(card: Mapping[str, Any]) -> str:
    if card["normalization"] == "standard":
        return "mean 0 and deviation 1 of each channel over the training split"
    low, high = card["value_range"]
    return f"{low:g} … {high:g} onto 0 … 1"


def _packing(card: Mapping[str, Any]) -> str:
    scale, offset = card["scale_factor"], card["add_offset"]
    if (scale, offset) == (1, 0):
        return "physical values"
    times = f"value ÷ {1 / scale:g}" if 0 < scale < 1 else f"value · {scale:g}"
    return f"{times} + {offset:g}" if offset else times


def _missing(card: Mapping[str, Any]) -> str:
    if card["missing"] == "error":
        return "an error"
    mark = "NaN" if card["fill_value"] is None else f"NaN and {card['fill_value']:g} as stored"
    return f"{mark}; take no part in loss and scores"


def _protocols(protocols: Sequence[Mapping[str, Any]]) -> str:
    texts = []
    for number, protocol in enumerate(protocols):
        title = f"### `{protocol['name']}`" + ("" if number else " (default)")
        mends = f"\n\nFaults mended or kept: {protocol['mends']}" if protocol["mends"] else ""
        texts.append(f"{title}\n\n{protocol['summary']}\n\nWindows: {_windows(protocol)}.{mends}")
    return _section("Protocols", "\n\n".join(texts))


def _options(options: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        (
            f"`{option['name']}`",
            option["type"],
            "required" if option["required"] else _value(option["default"]),
            option["description"].replace("\n", " "),
        )
        for option in options
    ]
    every = "Every task also takes `window`, `head`, `metrics`, `weight`, `batch` and `store`."
    text = f"{table(('option', 'type', 'default', ''), rows, aligned=True)}\n\n{every}" if rows else every
    return _section("Options", text)


def _value(default: object) -> str:
    return NONE if default is None else f"`{default}`"


def _metrics(metrics: Sequence[Mapping[str, Any]]) -> str:
    lines = []
    for metric in metrics:
        options = ", ".join(f"{key}: {value}" for key, value in metric.items() if key != "kind" and value is not None)
        lines.append(f"* `{metric['kind']}`" + (f" ({options})" if options else ""))
    return _section("Default metrics", "\n".join(lines))


def _section(title: str, text: str) -> str:
    return f"## {title}\n\n{text}" if text else ""

"""What one needs to make the run again: data, seeds, versions, budget, spec, command."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from unistd.core.report.contents import RunContents
from unistd.core.report.html import Html, code, details, joined, paragraph, table, tag

UNKNOWN = "not recorded: an older unistd started this run"


def record_section(run: RunContents) -> Html:
    """Return data hashes, seeds, versions, budget, resolved spec and command."""
    command = run.record.get("command")
    return tag(
        "section",
        tag("h2", "Record", id="record"),
        paragraph("Command: ", code(command) if command else UNKNOWN),
        tag("h3", "Budget"),
        _budget(run),
        tag("h3", "Data"),
        _data(run),
        tag("h3", "Seeds and versions"),
        table(("seed", "value"), [(where, str(seed)) for where, seed in _seeds(run.spec)]),
        _versions(run),
        paragraph("Trunk at the start, SHA-256: ", code(str(run.record.get("trunk", UNKNOWN)))),
        details("Resolved spec", tag("pre", run.spec_text)),
    )


def _budget(run: RunContents) -> Html:
    asked, rows = run.spec["training"], run.rows["train"]
    seconds = sum(row["seconds_per_step"] * sum(own["steps"] for own in row["tasks"].values()) for row in rows)
    steps = sum(own["steps"] for row in rows for own in row["tasks"].values())
    speed = f"{seconds / steps:.3g} s a step" if steps else "no step yet"
    waited = f", {_waited(run):.3g} s of them waiting for data" if steps else ""
    done = f"{run.last_step:,} of {asked['steps']:,} steps"
    said = f"{done}; {speed}, {seconds:,.0f} s in all with validation{waited}."
    last = {name: own for row in rows for name, own in row["tasks"].items() if name in run.tasks}
    lines = [
        (name, str(run.spec["tasks"][name]["batch"] or asked["batch"]), f"{own['samples']:,}", f"{own['epoch']:.2f}")
        for name, own in ((name, last[name]) for name in run.tasks if name in last)
    ]
    return joined(paragraph(said), table(("task", "batch", "samples", "epochs"), lines) if lines else Html(""))


def _waited(run: RunContents) -> float:
    """Return the seconds waited for data; the log counts them from the start of each process."""
    counts = [0.0, *(float(row["waited"]) for row in run.rows["train"])]
    return sum(after - before if after >= before else after for before, after in pairwise(counts))


def _data(run: RunContents) -> Html:
    rows = [
        (name, task.card.source or "-", task.card.licence or "-", run.record["stores"][name]["digest"])
        for name, task in run.tasks.items()
    ]
    return table(("task", "source", "licence", "SHA-256 of the frames"), rows, left=4)


def _seeds(tree: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items() if isinstance(tree, dict) else ():
        if key == "seed":
            yield f"{path}seed", value
        yield from _seeds(value, f"{path}{key}.")


def _versions(run: RunContents) -> Html:
    known = {"unistd": run.record["unistd"], **run.record["plugins"], **run.record.get("packages", {})}
    missing = Html("") if "packages" in run.record else paragraph(f"Versions of other packages are {UNKNOWN}.")
    return joined(table(("package", "version"), list(known.items())), missing)

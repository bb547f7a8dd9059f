"""What became of the experts: their ranks, and which task uses which."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from unistd.core.evaluation.expert_report import short_name
from unistd.core.report.contents import RunContents
from unistd.core.report.html import Html, code, details, figure, image, joined, paragraph, table, tag


def experts_section(run: RunContents) -> Html:
    """Return ranks and use of the experts, in a picture and in numbers."""
    title = tag("h2", "Experts", id="experts")
    if run.experts is None:
        kind = run.spec["model"]["adapter"]["kind"]
        why = (
            " has none, or no validation was reached yet. ",
            code("ra-moe"),
            " and ",
            code("moe-lora"),
            " have some.",
        )
        return tag("section", title, paragraph("The log has no experts: adapter ", code(kind), *why))
    alt = "a row for each expert by layer and role: rank over the steps, weight by task, gate entropy"
    said = (
        "A row of pixels for each expert, by layer and role. Left: its rank over the rank phase. Middle: the weight "
        "each task gives it ÷ an equal share, red more, blue less. Right: entropy of the gates, 1 all experts alike, "
        "0 one alone."
    )
    return tag("section", title, _budget(run), figure(image(run.experts, alt), said), _numbers(run))


def _budget(run: RunContents) -> Html:
    if not run.rows["ranks"]:
        return Html("")
    last = run.rows["ranks"][-1]
    state = "still learning at" if last["learning"] else "fixed at"
    budget = "no budget" if last["allowed"] is None else f"a budget of {last['allowed']}"
    every = [rank for own in last["ranks"].values() for rank in own]
    return paragraph(
        f"Ranks {state} step {last['step']}: {last['sum']:g} components for {len(every)} experts, {budget}; "
        f"the smallest rank is {min(every):g}, the largest {max(every):g}."
    )


def _numbers(run: RunContents) -> Html:
    parts = []
    if run.rows["ranks"]:
        rows = [
            (short_name(site), f"{sum(own):g}", " ".join(f"{rank:g}" for rank in own))
            for site, own in run.rows["ranks"][-1]["ranks"].items()
        ]
        parts.append(details("Rank of every expert", table(("layer role", "components", "rank of each"), rows)))
    used: Mapping[str, Any] = next(
        (row["tasks"] for row in reversed(run.rows["experts"]) if any(row["tasks"].values())), {}
    )
    shown = {name: used[name] for name in run.tasks if name in used}
    if shown:
        entropy = _by_task(shown, lambda own: f"{own['entropy']:.2f}")
        weights = _by_task(shown, lambda own: " ".join(f"{100 * weight:.0f}" for weight in own["weights"]))
        parts += [details("Gate entropy", entropy), details("Weight of each expert in per cent", weights)]
    return joined(*parts)


def _by_task(shown: Mapping[str, Any], cell: Callable[[Any], str]) -> Html:
    sites = dict.fromkeys(site for own in shown.values() for site in own)
    rows = [[short_name(site), *(cell(own[site]) if site in own else "-" for own in shown.values())] for site in sites]
    return table(("layer role", *shown), rows)

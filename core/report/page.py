"""A run as one HTML page that needs no other file and no network; the same run gives the same bytes."""

from __future__ import annotations

from importlib.resources import files

from unistd.core.report.contents import RunContents
from unistd.core.report.experts_section import experts_section
from unistd.core.report.head import head
from unistd.core.report.html import Html, joined, tag
from unistd.core.report.record_section import record_section
from unistd.core.report.task_section import task_section
from unistd.core.report.training_section import training_section


def page(run: RunContents) -> str:
    """Return the page of ``run``."""
    style = Html(files("unistd.core.report").joinpath("page.css").read_text(encoding="utf-8"))
    top = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        tag("title", f"{run.spec['name']}: unistd report"),
        tag("style", style),
    )
    sections = [task_section(run, name) for name in run.tasks]
    body = tag(
        "main",
        head(run),
        _links(run),
        *sections,
        training_section(run),
        experts_section(run),
        record_section(run),
    )
    return f"<!DOCTYPE html>\n{tag('html', joined(top, tag('body', body)), lang='en')}\n"


def _links(run: RunContents) -> Html:
    places = {name: f"#task-{name}" for name in run.tasks}
    places |= {"training": "#training", "experts": "#experts", "record": "#record"}
    return tag("nav", *(part for text, href in places.items() for part in (tag("a", text, href=href), " ")))

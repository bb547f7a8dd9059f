"""The page of a run made of plain data: what it says, and that it is whole, escaped and alone."""

from __future__ import annotations

import re
from base64 import b64decode
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from unistd.core.report.charts import Line, line_chart
from unistd.core.report.contents import BadWindow, RunContents, TaskContents
from unistd.core.report.html import Html, tag
from unistd.core.report.page import page
from unistd.core.task import Channel, TaskCard, Window

PNG = b"\x89PNG picture"
NAME = "<b>rain & 'snow'</b>"


class Outline(HTMLParser):
    """Elements that are open, every attribute, and the text of the whole page."""

    VOID = frozenset({"img", "meta"})

    def __init__(self, text):
        super().__init__()
        self.open, self.wrong, self.attributes, self.words, self.tags = [], [], [], "", []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *each) for each in attrs]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.attributes += [(tag, *each) for each in attrs]

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data):
        if not self.open or self.open[-1] != "style":
            self.words += data


def card(name):
    channel = Channel(name="depth", unit="mm")
    return TaskCard(
        name=name, discipline="test", version="1", channels=(channel,), step=(1, "h"), window=Window(past=2, future=3)
    )


def record_of(model, persistence, other):
    identity = {"name": "mse", "unit": "mm²", "better": "lower"}
    return {
        "test": {"mse": model},
        "leads": {"mse": [model / 2, model, None]},
        "baselines": {"persistence": {"mse": persistence}, "climatology": {"mse": other}},
        "baseline_leads": {"persistence": {"mse": [1.0, 2.0, 3.0]}, "climatology": {"mse": [2.0, 2.0, 2.0]}},
        "left_out": {"day-lag": "3 of 9 windows have no history"},
        "unit": "mm",
        "windows": 9,
        "metrics": {"mse": identity},
    }


def both(own):
    return {"north": own, "south": own}


def train_row(step, loss, waited):
    own = {"loss": loss, "gradient": 2 * loss, "steps": 5, "samples": 10 * step, "epoch": step / 10}
    return {"step": step, "lr": 0.1 / step, "waited": waited, "seconds_per_step": 0.5, "tasks": both(own)}


def validation_row(step, score):
    return {"step": step, "score": score, "errors": both(score), "persistence": both(1.0)}


@pytest.fixture
def run():
    bad = BadWindow(place="Forecast of <noon>", error=12.5, persistence=3.25, strip=PNG)
    tasks = {name: TaskContents(card=card(name), window=Window(past=2, future=3)) for name in ("north", "south")}
    tasks["north"] = replace(tasks["north"], strip=PNG, animation=b"GIF89a", worst=[bad])
    tasks["south"] = replace(tasks["south"], without_worst="there is no store 'south.zarr'")
    task = {"batch": None, "seed": 7}
    spec = {
        "name": NAME,
        "seed": 3,
        "model": {"adapter": {"kind": "ra-moe"}},
        "tasks": {"north": task, "south": task | {"batch": 2}},
        "training": {"steps": 20, "batch": 4, "optimizer": {"clip": 1.0}, "checkpoint": {"every": 5}},
        "output": "runs/<rain>",
    }
    use = {"a.0.q": {"weights": [0.75, 0.25], "entropy": 0.81}}
    return RunContents(
        record={
            "spec": spec,
            "unistd": "9.8.7",
            "plugins": {"unistd-demo": "1.2"},
            "packages": {"torch": "2.99"},
            "stores": {name: {"path": "gone", "digest": name * 8} for name in tasks},
            "trunk": "f00d",
            "command": "unistd train '<rain>.yaml'",
        },
        spec_text="name: <b>rain\n",
        rows={
            "train": [train_row(5, 0.5, 1.0), train_row(10, 0.25, 1.5), train_row(15, 0.125, 0.25)],
            "validation": [validation_row(5, 0.9), validation_row(10, 0.7), validation_row(15, 0.8)],
            "ranks": [{"step": 5, "learning": False, "sum": 6, "allowed": 6, "ranks": {"a.0.q": [4, 2]}}],
            "experts": [{"step": 15, "tasks": {"north": use, "south": use}}],
            "alarm": [{"step": step, "what": "experts that no task uses: <q>"} for step in (10, 15)],
        },
        metrics={
            "tasks": {"north": record_of(2.0, 8.0, 1.0), "south": record_of(6.0, 4.0, 99.0)},
            "split": "test",
            "step": 10,
        },
        tasks=tasks,
        parameters=(12345, 678),
        dates=("2026-01-02 03:04 UTC", "2026-01-02 05:06 UTC"),
        experts=PNG,
    )


def words(run):
    return re.sub(r"\s+", " ", Outline(page(run)).words)


def without(run, *events):
    return replace(run, rows=run.rows | {event: [] for event in events})


@pytest.fixture(params=["whole", "not scored", "nothing yet"])
def any_run(request, run):
    if request.param == "whole":
        return run
    bare = replace(run, metrics=None, experts=None)
    return bare if request.param == "not scored" else without(bare, *run.rows)


def test_every_element_is_closed(any_run):
    outline = Outline(page(any_run))
    assert (outline.open, outline.wrong) == ([], [])
    ids = [value for _, key, value in outline.attributes if key == "id"]
    assert len(ids) == len(set(ids))


def test_nothing_is_fetched_and_no_script_runs(any_run):
    outline = Outline(page(any_run))
    asked = [value for _, key, value in outline.attributes if key in ("src", "href", "xlink:href", "srcset", "data")]
    assert asked
    assert [value for value in asked if not value.startswith(("#", "data:image/"))] == []
    assert {"script", "link", "iframe", "object"}.isdisjoint(outline.tags)
    assert re.findall(r"@import|url\((?!#)", page(any_run)) == []


def test_every_link_within_the_page_leads_somewhere(run):
    outline = Outline(page(run))
    ids = {value for _, key, value in outline.attributes if key == "id"}
    asked = {value[1:] for _, key, value in outline.attributes if key.endswith("href") and value.startswith("#")}
    asked |= set(re.findall(r"url\(#([^)]*)\)", page(run)))
    assert asked - ids == set()


def test_the_same_run_gives_the_same_bytes(run):
    assert page(run) == page(run)


def test_words_of_users_are_escaped(run):
    text = page(run)
    assert "<b>" not in text
    assert NAME in Outline(text).words
    for said in ("Forecast of <noon>", "unistd train '<rain>.yaml'", "name: <b>rain", "no task uses: <q>"):
        assert said in words(run)


def test_every_picture_has_an_alternative_text(run):
    outline = Outline(page(run))
    pictures = [value for tag, key, value in outline.attributes if tag == "img" and key == "alt"]
    assert len(pictures) == outline.tags.count("img") == 4
    assert all(len(text) > 20 for text in pictures)
    titles = re.findall(r'<svg [^>]*role="img"[^>]*><title>([^<]{10,})</title>', page(run))
    assert len(titles) == outline.tags.count("svg") == 6


def test_pictures_are_what_was_handed_in(run):
    sources = re.findall(r'src="data:image/(\w+);base64,([^"]*)"', page(run))
    assert [(kind, b64decode(data)) for kind, data in sources] == [
        ("png", PNG), ("gif", b"GIF89a"), ("png", PNG), ("png", PNG)
    ]  # fmt: skip


def test_the_head_says_what_the_run_is(run):
    said = words(run)
    assert "One model of 2 tasks (north, south): 12,345 parameters, 678 of them learned; 15 of 20 steps" in said
    assert "best at step 10, with a validation error ÷ persistence of 0.700" in said
    assert "started 2026-01-02 03:04 UTC" in said


def test_bars_are_in_order_and_as_long_as_the_ratio(run):
    text = page(run)
    assert re.findall(r'class="value">([^<]*)', text) == ["0.250", "1.500"]
    widths = [float(share) for share in re.findall(r'style="width:([\d.]+)%"', text)]
    assert widths[1] / widths[0] == pytest.approx(6, rel=1e-3)
    assert 'class="bar worse"' in text
    assert re.findall(r'class="mark"[^>]*title="([^"]*)"', text) == ["climatology 0.125"]


def test_scores_are_those_of_the_record(run):
    said = words(run)
    assert "mse2*80.2501 climatologymm²" not in said
    assert "mse280.2501 climatology*mm²" in said
    assert "mse64*1.50099 climatologymm²" in said
    assert "No day-lag: 3 of 9 windows have no history." in said


def test_worst_windows_stand_beside_the_mean(run):
    assert "1. mse 12.5 mm², 6.2 × the mean; persistence here 3.25. Forecast of <noon>." in words(run)
    assert "None shown: there is no store 'south.zarr'" in words(run)


def test_alarms_are_told_once_each_at_the_top_and_in_the_training(run):
    assert words(run).count("from step 10: experts that no task uses: <q>") == 2
    assert "from step 15" not in words(run)
    assert "Alarms" not in words(without(run, "alarm"))


def test_the_record_names_data_seeds_versions_and_budget(run):
    said = words(run)
    for fact in ("northnorthnorth", "seed3", "tasks.north.seed7", "unistd9.8.7", "unistd-demo1.2", "torch2.99", "f00d"):
        assert fact in said
    assert "15 of 20 steps; 0.5 s a step, 15 s in all with validation, 1.75 s of them waiting for data" in said
    assert "north41501.50" in said
    assert "south21501.50" in said


def test_an_unfinished_run_says_how_to_finish(run):
    said = words(replace(run, metrics=None))
    assert "there is no metrics.json yet" in said
    assert "unistd train '<rain>.yaml' --resume trains to the end" in said
    assert "validation error" in said


def test_a_run_without_experts_says_who_has_some(run):
    said = words(without(replace(run, experts=None), "ranks", "experts"))
    assert "adapter ra-moe has none, or no validation was reached yet. ra-moe and moe-lora have some." in said


def test_a_run_that_an_older_unistd_left_says_what_it_did_not_record(run):
    old = {key: value for key, value in run.record.items() if key not in ("command", "packages")}
    scores = run.metrics["tasks"]["north"]
    scores.pop("baseline_leads")
    said = words(replace(run, record=old))
    assert "Command: not recorded" in said
    assert "Versions of other packages are not recorded" in said
    assert "has no baselines by lead time" in said


def test_some_tasks_of_a_run_are_named_so(run):
    only = replace(run, tasks={"north": run.tasks["north"]})
    assert "(north, south; this page shows north)" in words(only)
    assert 'id="task-south"' not in page(only)


def test_a_chart_has_every_label_as_text_and_suits_a_dark_page():
    lines = {"a <b>": Line([1, 2], [0.001, 10.0]), "b": Line([1, 2], [1.0, float("nan")])}
    chart = line_chart("toy", lines, x_label="step", y_label="$loss", alt="two lines")
    labels = Outline(chart).words
    assert [text for text in ("a <b>", "b", "step", "$loss", "0.01") if text not in labels] == []
    assert "currentColor" in chart
    assert "#24292f" not in chart


def test_text_is_escaped_and_html_is_not():
    assert tag("p", "<i>", Html("<br>"), title='"<') == '<p title="&quot;&lt;">&lt;i&gt;<br></p>'

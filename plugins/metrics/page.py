"""``docs/metrics.md``, made of what the metrics declare."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from unistd.core.field_docs import field_docs
from unistd.core.markdown import inline_yaml, page, prose, table
from unistd.core.metric import Metric, MetricIdentity
from unistd.plugins.metrics import unistd_components
from unistd.plugins.metrics.benchmarks import EQUALS, SEVIR, Equal
from unistd.registry.component import Component
from unistd.registry.registry import Registry
from unistd.registry.slot import Choice

EXAMPLE: Mapping[str, Any] = {"leads": 12, "unit": "u", "value_range": (0.0, 255.0)}
REQUIRED: Mapping[str, Any] = {"thresholds": SEVIR}

HEAD = """\
# Metrics

Made from the code by `make docs-pages`; a test compares.

A task's `metrics:` names them: `[mae, {kind: csi, thresholds: [16, 74]}]`, one as often as its options differ.
`metrics.json` holds a score under the **name** of its number, in which every choice among named values that makes it
another number can be read; thresholds, boxes and the like are in its identity, under `metrics`. `mse` per pixel is
always there. `parts` holds, by metric, what its value is the mean of, such as the score of each threshold; tables show
them as `csi@74`. Scores of a single lead time are under `leads`.

All of them stream, give the same value for any batch size and number of processes, and leave out pixels whose target
is missing. A forecast that is NaN or infinite where there is a target makes the score so.
"""

NUMBERS = """\
## What each is

For a task of 12 leads with values from 0 to 255 in unit `u`, thresholds as of SEVIR, and all other options at their
defaults:
"""

BENCHMARKS = """\
## Whose number it equals

Benchmarks call many numbers by one name. `scale: range` gives errors on data mapped onto [0, 1], as most print them.
Their windows, splits and thresholds have to be the same as well: a task's `protocol` sees to that.
"""

LEFT_OUT = """
Not offered: FVD (its network has to be downloaded), and PredBench's `log_bias`, Earthformer's `bias`, which is
(bias ÷ ln 2)² and has no best value.
"""


def metrics_page() -> str:
    """Return the page in Markdown."""
    components = unistd_components()
    registry = Registry.of(*components)
    what = table(("metric", "better", "unit", "what it is"), [_meaning(each, registry) for each in components])
    options = table(("metric", "option", "values, the default first", "what it does"), _options(components))
    equals = table(
        ("benchmark", "number", "in a spec", "name", "differs in"), [_equal(each, registry) for each in EQUALS]
    )
    return page(HEAD, NUMBERS, what, "## Options", options, BENCHMARKS, equals, LEFT_OUT)


def identity_of(kind: str, options: Mapping[str, Any], registry: Registry) -> MetricIdentity:
    """Return what the metric ``kind`` of a task as on the page says of itself; it reads no file."""
    config = registry.find("metric", kind).config
    given = {**{name: REQUIRED[name] for name, field in config.model_fields.items() if name in REQUIRED}, **options}
    made: Metric = registry.factory("metric", Choice(kind, config.model_validate(given)))(**EXAMPLE)
    return made.identity


def _meaning(component: Component, registry: Registry) -> tuple[str, ...]:
    if component.name == "lpips":  # it cannot be built without its weights
        return (f"`{component.name}`", "lower", "1", component.summary)
    identity = identity_of(component.name, {}, registry)
    words = [f"{component.summary}. {identity.reduction[0].upper()}{identity.reduction[1:]}", identity.window]
    words.append("" if identity.data_range is None else f"L = {identity.data_range:g}")
    better = {"one": "nearer 1"}.get(identity.better, identity.better)
    return (f"`{component.name}`", better, identity.unit, "; ".join(filter(None, words)))


def _options(components: Iterable[Component]) -> Iterable[tuple[str, ...]]:
    """Return a row for each option; one that several metrics have alike is said once."""
    owners: dict[tuple[str, ...], list[str]] = {}
    for component in components:
        docs = field_docs(component.config)
        for name, field in component.config.model_fields.items():
            said = prose(docs.get(name, ""))
            owners.setdefault((f"`{name}`", _values(field), said), []).append(f"`{component.name}`")
    return [(" ".join(names), *row) for row, names in owners.items()]


def _values(field: FieldInfo) -> str:
    if field.is_required():
        return "must be given"
    choices = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
    choices = (False, True) if field.annotation is bool else choices
    ordered = [field.default, *(each for each in choices if each != field.default)]
    return " ".join(f"`{inline_yaml(each)}`" for each in ordered)


def _equal(equal: Equal, registry: Registry) -> tuple[str, ...]:
    options = "".join(f", {name}: {inline_yaml(value)}" for name, value in equal.options.items())
    written = f"{{kind: {equal.kind}{options}}}" if options else equal.kind
    if equal.kind == "lpips":
        written, name = written.replace("}", ", weights: FILE}"), "lpips-clip"
    else:
        name = identity_of(equal.kind, equal.options, registry).name
    return equal.benchmark, equal.number, f"`{written}`", f"`{name}`", equal.difference

"""What ``docs/metrics.md`` gives for a spec is one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from unistd.plugins.metrics.benchmarks import EQUALS
from unistd.registry.component import TaskConfig
from unistd.registry.registry import Registry

PAGE = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()


def test_every_metric_and_every_option_is_on_the_page():
    registry = Registry.discover()
    for name in registry.names("metric"):
        assert f"| `{name}` | " in PAGE
        for option in registry.find("metric", name).config.model_fields:
            assert re.search(rf"^\|[^|]* `{name}` [^|]*\| `{option}` \|", PAGE, flags=re.MULTILINE), (name, option)


def test_what_equals_a_benchmark_is_written_as_a_spec_takes_it(tmp_path):
    registry = Registry.discover()
    written = re.findall(r"^\| [^|]+ \| [^|]+ \| `([^`]+)` \| `[^`]+` \|", PAGE, flags=re.MULTILINE)
    assert len(written) == len(EQUALS)
    for text, equal in zip(written, EQUALS, strict=True):
        metrics = YAML(typ="safe").load(f"[{text}]")
        config = TaskConfig.model_validate({"metrics": metrics}, context={"registry": registry})
        (choice,) = config.metrics
        assert choice.kind == equal.kind
        assert {key: getattr(choice.config, key) for key in equal.options} == equal.options


@pytest.mark.parametrize("words", ["OpenSTL", "PredBench", "Earthformer", "CasCast"])
def test_each_benchmark_has_rows(words):
    assert sum(words in equal.benchmark for equal in EQUALS) >= 3

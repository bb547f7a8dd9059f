import json
import re
import sys

import click
import pytest
from ruamel.yaml import YAML

from unistd.cli import doctor
from unistd.cli.main import main
from unistd.cli.table import table
from unistd.registry.registry import Registry
from unistd.registry.spec import load_spec


@pytest.fixture(autouse=True)
def _built_ins_only(monkeypatch):
    monkeypatch.setenv("UNISTD_PLUGINS", "")


def test_validate_says_what_is_valid_and_what_is_not(built_in_spec, tmp_path, capsys):
    bad = tmp_path / "bad.yaml"
    bad.write_text(built_in_spec.read_text().replace("timm-vit", "tim-vit"))
    assert main(["validate", str(bad), str(built_in_spec), str(tmp_path / "absent.yaml")]) == 2
    captured = capsys.readouterr()
    assert captured.out == f"{built_in_spec}: valid, tasks: city\n"
    assert "unknown backbone 'tim-vit'" in captured.err
    assert "absent.yaml: the spec cannot be read" in captured.err


def test_validate_takes_overrides(built_in_spec, capsys):
    assert main(["validate", str(built_in_spec), "-o", "training.steps=0"]) == 2
    assert "-o training.steps=0" in capsys.readouterr().err


def test_show_prints_yaml_that_reads_back_as_the_same_spec(built_in_spec, tmp_path, capsys):
    assert main(["show", str(built_in_spec), "-o", "seed=5"]) == 0
    shown = tmp_path / "shown.yaml"
    shown.write_text(capsys.readouterr().out)
    registry = Registry.discover()
    assert load_spec(shown, registry) == load_spec(built_in_spec, registry, ["seed=5"])
    assert list(YAML(typ="safe").load(shown))[:3] == ["version", "name", "seed"]


def test_schema_goes_to_stdout_or_a_file(tmp_path, capsys):
    assert main(["schema"]) == 0
    printed = capsys.readouterr().out
    out = tmp_path / "new" / "schema.json"
    assert main(["schema", "--out", str(out)]) == 0
    assert out.read_text() == printed
    assert capsys.readouterr().out == ""
    assert "backbone.timm-vit" in json.loads(printed)["$defs"]


def test_schema_that_cannot_be_written_is_a_usage_error(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["schema", "--out", str(tmp_path / "file" / "schema.json")]) == 2
    assert "the schema cannot be written to" in capsys.readouterr().err


def test_tasks_show_their_protocol(capsys):
    assert main(["tasks"]) == 0
    (row,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("synthetic-motion")]
    assert re.split(" {2,}", row)[1:] == ["motion", "10 → 10", "100 ms", "brightness [1]; generated"]


def test_tasks_as_json_are_whole_cards(capsys):
    assert main(["tasks", "--json"]) == 0
    card = json.loads(capsys.readouterr().out)["synthetic-traffic"]
    assert (card["discipline"], card["window"]) == ("traffic", {"past": 8, "future": 4})


def test_tasks_show_prints_a_task_in_full(capsys):
    assert main(["tasks", "show", "kitti"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "# kitti"
    assert [line for line in lines if line.startswith("#")][1:] == [
        "## Raw files, and what becomes of them",
        "## Protocols",
        "### `unistd` (default)",
        "### `predbench`",
        "## Options",
        "## Default metrics",
    ]
    rows = {cells[1]: cells[2:-1] for line in lines if len(cells := re.split(r" *\| *", line)) > 3}
    assert rows["channels"] == ["red [1], green [1], blue [1]"]
    assert rows["licence"] == ["CC BY-NC-SA 3.0"]
    assert rows["`protocol`"][:2] == ["'unistd' or 'predbench'", "`unistd`"]
    assert rows["`root`"][:2] == ["path or null", "–"]


def test_tasks_show_lays_the_page_out_on_a_terminal(capsys, monkeypatch):
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["tasks", "show", "kitti"]) == 0
    lines = click.unstyle(capsys.readouterr().out).splitlines()
    assert next(line.strip() for line in lines if line.strip()) == "kitti"
    assert not any(mark in line for line in lines for mark in ("##", "`", "|"))
    assert max(map(len, lines)) <= 80


def test_tasks_show_as_json_holds_the_card_of_every_protocol(capsys):
    assert main(["tasks", "show", "unistd/cityscapes", "--json"]) == 0
    sheet = json.loads(capsys.readouterr().out)
    assert sheet["card"]["stride"] == [5, 30, 30]
    assert {p["name"]: p["stride"] for p in sheet["protocols"]} == {"unistd": [5, 30, 30], "predbench": [5, 5, 30]}
    assert all(p["summary"] and p["mends"] for p in sheet["protocols"])
    assert [metric["kind"] for metric in sheet["metrics"]] == ["mse", "mae", "psnr", "ssim"]
    assert [option["name"] for option in sheet["options"]] == ["root", "protocol"]
    assert "leftImg8bit_sequence/{train,val,test}/<city>" in sheet["files"]
    assert "Args:" not in sheet["files"]


def test_tasks_show_says_bounds_of_options(capsys):
    assert main(["tasks", "show", "synthetic-driving", "--json"]) == 0
    types = {option["name"]: option["type"] for option in json.loads(capsys.readouterr().out)["options"]}
    assert types["height"] == "integer ≥ 8"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", "kity"], "unknown task 'kity'\n  help: did you mean 'kitti'?"),
        (["show"], "either a task's NAME or '--out' has to be given"),
        (["show", "kitti", "--out", "pages"], "either a task's NAME or '--out' has to be given"),
        (["show", "--out", "pages", "--json"], "'--out' writes Markdown"),
        (["--json", "show", "kitti"], "'--json' stands before 'show'\n  help: unistd tasks show NAME --json"),
        (["kitti"], "unknown command 'kitti'"),
    ],
)
def test_tasks_show_refuses_what_it_cannot_answer(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["tasks", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_tasks_show_out_writes_a_page_of_every_task(tmp_path, capsys):
    assert main(["tasks", "show", "--out", str(tmp_path / "pages")]) == 0
    registry = Registry.discover()
    names = [name for name in registry.names("task") if registry.find("task", name).has_defaults]
    assert capsys.readouterr().out == f"{tmp_path / 'pages'}: {len(names) + 1} pages\n"
    index = (tmp_path / "pages" / "README.md").read_text()
    assert all(f"({name}.md)" in index for name in names)
    assert main(["tasks", "show", "kitti"]) == 0
    assert (tmp_path / "pages" / "kitti.md").read_text() == capsys.readouterr().out


def test_a_task_that_cannot_be_built_hides_no_other(installed_plugin, monkeypatch, capsys):
    source = """
from unistd.registry.component import Component, TaskConfig
from unistd.registry.hooks import hookimpl

PLUGIN_API = 1

@hookimpl
def unistd_components():
    return [Component(kind="task", name="rain", config=TaskConfig, target="demo_rain:rain", summary="Rain.")]

def rain():
    raise OSError("no such radar")
"""
    installed_plugin("demo-rain", source)
    monkeypatch.delenv("UNISTD_PLUGINS")
    assert main(["tasks"]) == 0
    captured = capsys.readouterr()
    assert "synthetic-motion" in captured.out
    assert "task 'rain' cannot be described: no such radar" in captured.err


def test_plugins_list_shows_components_of_a_kind(capsys):
    assert main(["plugins", "list", "--kind", "temporal"]) == 0
    header, *rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert header == ["kind", "name", "distribution", "version", "summary"]
    assert [row[:3] for row in rows] == [["temporal", "none", "unistd"], ["temporal", "zero-mlp", "unistd"]]


def test_plugins_list_verbose_shows_targets_and_options(capsys):
    assert main(["plugins", "list", "--kind", "head", "--verbose"]) == 0
    assert "unistd.plugins.head_conv.conv_head:ConvHead" in capsys.readouterr().out


def test_plugins_list_shows_failures_and_clashes(installed_plugin, monkeypatch, capsys):
    installed_plugin("demo-a")
    installed_plugin("demo-b")
    installed_plugin("demo-c", "1 / 0\n", version="0.2")
    monkeypatch.setenv("UNISTD_PLUGINS", "demo-a,demo-b,demo-c")
    assert main(["plugins", "list", "--kind", "metric"]) == 0
    err = capsys.readouterr().err
    assert "demo_c.py:1: plug-in 'plug' (demo-c 0.2) failed at import: ZeroDivisionError: division by zero" in err
    assert "metric name 'skill' is offered by 2 plug-ins\n  help: write demo-a/skill or demo-b/skill" in err
    assert main(["plugins", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [failure["distribution"] for failure in listed["failures"]] == ["demo-c"]
    assert listed["clashes"] == [{"kind": "metric", "name": "skill", "offers": ["demo-a/skill", "demo-b/skill"]}]


def test_plugins_list_names_imports_none(installed_plugin, monkeypatch, capsys):
    installed_plugin("demo-a", "raise SystemExit\n", version="3.2")
    monkeypatch.delenv("UNISTD_PLUGINS")
    assert main(["plugins", "list", "--names", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert {"name": "plug", "distribution": "demo-a", "version": "3.2"} in listed


def diagnose(check, *args):
    found = doctor.Diagnosis()
    check(found, *args)
    return found


def test_doctor_compares_versions_with_what_unistd_requires(monkeypatch):
    monkeypatch.setattr(
        doctor, "requires", lambda _: ["click>=99", "no-such-dist>=1", "pytest; extra == 'dev'", "pluggy"]
    )
    found = diagnose(doctor.check_versions)
    assert list(found.facts) == ["click", "no-such-dist", "pluggy"]
    assert found.problems[1] == ("unistd needs 'no-such-dist>=1', found 'missing'", "pip install 'no-such-dist>=1'")
    assert [fix for _, fix in found.problems] == ["pip install 'click>=99'", "pip install 'no-such-dist>=1'"]


def test_doctor_tells_of_a_torch_that_cannot_be_imported(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    ((problem, fix),) = diagnose(doctor.check_device).problems
    assert problem.startswith("torch cannot be imported: ")
    assert fix.startswith("pip install ")


def test_doctor_tells_of_a_torchvision_of_another_build(installed_plugin, monkeypatch):
    monkeypatch.delitem(sys.modules, "torchvision", raising=False)
    installed_plugin("torchvision", "raise RuntimeError('operator torchvision::nms does not exist')\n", version="0.1")
    found = diagnose(doctor.check_device)
    assert found.problems[0][0].startswith("torchvision 0.1 does not fit torch 2.")
    assert found.problems[0][0].endswith("operator torchvision::nms does not exist")
    assert found.problems[0][1] == "pip install --force-reinstall torch torchvision, both from one --index-url"


def test_doctor_tells_of_plugins(installed_plugin):
    installed_plugin("demo-a", "1 / 0\n")
    found = diagnose(doctor.check_plugins, Registry.discover({"UNISTD_PLUGINS": "demo-a"}))
    assert found.problems == [
        (
            "demo_a.py:1: plug-in 'plug' (demo-a 1.0) failed at import: ZeroDivisionError: division by zero",
            "unistd plugins list --verbose",
        )
    ]


@pytest.mark.parametrize(("problems", "code"), [([], 0), ([("x is broken", "fix x")], 3)])
def test_doctor_leaves_with_3_if_there_is_a_problem(monkeypatch, capsys, problems, code):
    monkeypatch.setattr(doctor, "check_versions", lambda found: found.problems.extend(problems))
    monkeypatch.setattr(doctor, "check_device", lambda found: None)
    monkeypatch.setattr(doctor, "check_plugins", lambda found, registry: None)
    assert main(["doctor", "--json"]) == code
    told = json.loads(capsys.readouterr().out)
    assert [problem["help"] for problem in told["problems"]] == [fix for _, fix in problems]
    assert {"python", "unistd", "free disk", "free memory"} <= told["facts"].keys()


def test_a_table_is_aligned():
    assert table(("a", "long"), [("xyz", ""), ("", "v")]) == "a    long\nxyz  -\n-    v"

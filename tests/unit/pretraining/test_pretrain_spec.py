import json

import jsonschema
import pytest
from ruamel.yaml import YAML

from unistd.cli.main import main
from unistd.registry.issues import SpecError
from unistd.registry.pretrain_spec import PretrainSpec
from unistd.registry.registry import Registry
from unistd.registry.schema import json_schema
from unistd.registry.spec import load_any_resolved, load_pretrain_spec

SPEC = """\
name: still
backbone: {kind: timm-vit, variant: vit_tiny_patch16_224, pretrained: false, freeze: false}
frames:
  shapes: {task: {kind: synthetic-motion}, patch: 4}
  photos: {images: pictures, patch: 8, size: 64}
output: runs/still
"""


@pytest.fixture
def written(tmp_path, monkeypatch):
    monkeypatch.setenv("UNISTD_PLUGINS", "")

    def write(text=SPEC):
        path = tmp_path / "still.yaml"
        path.write_text(text)
        return path

    return write


def issues(path, *overrides):
    with pytest.raises(SpecError) as error:
        load_pretrain_spec(path, Registry.discover(), overrides)
    return " ".join(str(error.value).split())


def test_defaults(written):
    spec = load_pretrain_spec(written(), Registry.discover())
    assert (spec.objective.kind, spec.objective.share, spec.training.held_out) == ("masked", 0.75, 128)
    assert spec.training.sampling.kind == "uniform"
    assert spec.frames["photos"].side == 64


def test_the_record_is_the_spec(written, tmp_path):
    registry = Registry.discover()
    spec = load_pretrain_spec(written(), registry)
    again = load_any_resolved(json.loads(json.dumps(spec.dump())), registry, tmp_path)
    assert isinstance(again, PretrainSpec)
    assert again.dump() == spec.dump()
    assert "head" not in spec.dump()["frames"]["shapes"]["task"]


def test_all_errors_at_once_with_positions(written):
    text = SPEC.replace("patch: 4}", "pach: 4}").replace("name: still", "nam: still").replace("tiny_patch", "tiny")
    said = issues(written(text.replace("synthetic-motion", "synthetic-moton").replace("output", "outputs")))
    assert "still.yaml:1:1: unknown key 'nam' in the spec" in said
    assert "did you mean 'name'?" in said
    assert "unknown task 'synthetic-moton'" in said
    assert "did you mean 'synthetic-motion'?" in said
    assert "unknown key 'pach' in 'frames.shapes'" in said
    assert "did you mean 'patch'?" in said
    assert "'patch' is missing in 'frames.shapes'" in said
    assert "'output' is missing" in said


@pytest.mark.parametrize(
    ("old", "new", "place", "message"),
    [
        (", freeze: false", "", "2:1", "'freeze' must be false in pre-training, got 'true' "),
        ("freeze: false", "freeze: true", "2:86", "'freeze' must be false in pre-training, got 'true' "),
        (", patch: 4", ", patch: 4, size: 9", "4:60", "'size' has no effect without 'images'"),
        ("size: 64", "crop: 64", "5:46", "'crop' has no effect without 'task'"),
        ("images: pictures, ", "", "5:3", "'photos' must have either 'task' or 'images'"),
        ("images: pictures", "images: pictures, task: synthetic-motion", "5:3", "must have either 'task' or 'images'"),
        ("-motion}", "-motion, weight: 2}", "4:51", "'weight' has no effect in pre-training"),
        ("-motion}", "-motion, window: {past: 1, future: 1}}", "4:43", "'window' has no effect in pre-training"),
        ("frames:", "objective: labels\nframes:", "3:12", "'objective' must be a mapping"),
        ("frames:", "objective: {kind: labels}\nframes:", "5:12", "'task' has no labels to learn"),
        ("frames:", "objective: {kind: mask}\nframes:", "3:19", "unknown kind 'mask' in 'objective'"),
        ("frames:", "objective: {kind: masked, share: 1}\nframes:", "3:34", "'share' must be less than 1, got '1'"),
        (
            "frames:",
            "objective: {kind: masked, decoder: {width: 9}}\nframes:",
            "3:44",
            "'width' must be a multiple of 32",
        ),
        ("shapes:", "Shapes:", "4:3", "must be lower-case letters"),
    ],
)
def test_each_error(written, old, new, place, message):
    assert old in SPEC
    said = issues(written(SPEC.replace(old, new)))
    assert message in said
    assert f"still.yaml:{place}: " in said


def test_overrides_are_checked_too(written):
    assert "-o backbone.freeze=true" in issues(written(), "backbone.freeze=true")


def test_the_schema_takes_what_is_read(written):
    schema = json_schema(Registry.discover(), PretrainSpec)
    jsonschema.validate(YAML(typ="safe", pure=True).load(SPEC), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(YAML(typ="safe", pure=True).load(SPEC.replace("patch: 4", "pach: 4")), schema)


def test_schema_of_either_kind(written, capsys):
    assert main(["schema", "--pretrain"]) == 0
    assert "frames" in json.loads(capsys.readouterr().out)["properties"]
    assert main(["schema"]) == 0
    assert "tasks" in json.loads(capsys.readouterr().out)["properties"]


def test_validate_and_show_know_both_kinds(written, built_in_run, capsys):
    path = written()
    assert main(["validate", str(path), str(built_in_run)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{path}: valid, frames: shapes, photos",
        f"{built_in_run}: valid, tasks: city",
    ]
    assert main(["show", str(path)]) == 0
    assert "held_out: 128" in capsys.readouterr().out
    assert main(["show", str(path), "--model"]) == 2
    assert "'--model' counts the parts of a joint run" in capsys.readouterr().err


@pytest.fixture
def built_in_run(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text(
        "name: city\n"
        "model: {backbone: {kind: timm-vit, variant: vit_tiny_patch16_224, pretrained: false}}\n"
        "tasks: {city: synthetic-traffic}\n"
        "output: runs/city\n"
    )
    return path


def test_a_spec_of_the_other_kind_is_sent_to_its_command(written, built_in_run, capsys):
    assert main(["train", str(written())]) == 2
    said = capsys.readouterr().err
    assert "this is a spec for pre-training, not for a joint run" in said
    assert "help: unistd pretrain SPEC" in said
    assert main(["pretrain", str(built_in_run)]) == 2
    said = capsys.readouterr().err
    assert "this is a spec for a joint run, not for pre-training" in said
    assert "help: unistd train SPEC" in said


def test_a_backbone_that_takes_no_weights_is_refused(written, monkeypatch):
    monkeypatch.delenv("UNISTD_PLUGINS")
    text = SPEC.replace("timm-vit, variant: vit_tiny_patch16_224, pretrained: false, freeze: false", "gsta, width: 32")
    assert "must take 'pretrained' weights to be of use, got 'gsta'" in issues(written(text))

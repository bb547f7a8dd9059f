import re

import pytest

from unistd.core.data.schedule import JointSchedule
from unistd.core.errors import UsageError
from unistd.core.training.settings import Proportional, Uniform
from unistd.registry.registry import Registry
from unistd.registry.variants import check_budgets, load_variants, trials

SPEC = """\
name: base
seed: 3
model: {backbone: {kind: timm-vit, variant: vit_tiny_patch16_224, pretrained: false}}
tasks: {city: synthetic-traffic, shapes: synthetic-motion}
training: {steps: 10, batch: 4, schedule: {warmup: 4}, checkpoint: {every: 5}}
output: run
"""


@pytest.fixture
def registry(monkeypatch):
    monkeypatch.setenv("UNISTD_PLUGINS", "")
    return Registry.discover()


@pytest.fixture
def base(tmp_path):
    path = tmp_path / "base.yaml"
    path.write_text(SPEC)
    return path


def variants(tmp_path, text):
    path = tmp_path / "variants.yaml"
    path.write_text(text)
    return path


def schedule(spec, sampling=None, **sizes):
    return JointSchedule(
        sizes,
        weights=dict.fromkeys(sizes, 1.0),
        sampling=sampling or Uniform(),
        steps=spec.training.steps,
        seed=spec.seed,
        batches=dict.fromkeys(sizes, 4),
    )


def test_variants_are_changes_of_one_spec(base, tmp_path, registry):
    changes = variants(tmp_path, "as-is: {}\nno experts: {model.adapter: {kind: none}, training.steps: 7}\n")
    specs = load_variants([base], registry, changes, ["seed=5"])
    assert list(specs) == ["as-is", "no experts"]
    assert specs["no experts"].model.adapter.kind == "none"
    assert [spec.training.steps for spec in specs.values()] == [10, 7]
    assert {spec.seed for spec in specs.values()} == {5}


def test_specs_of_their_own_are_told_apart_by_name(base, tmp_path, registry):
    other = tmp_path / "other.yaml"
    other.write_text(SPEC.replace("name: base", "name: other"))
    assert list(load_variants([base, other], registry)) == ["base", "other"]
    with pytest.raises(UsageError, match="two specs are named 'base'"):
        load_variants([base, base], registry)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "holds no variants"),
        ("{}", "holds no variants"),
        ("a: {}\nb: lora", r"variants.yaml:2:4: variant 'b' must be a name without '/' and a mapping"),
        ("a/b: {}", "variant 'a/b' must be a name"),
        ("a: {model.adaptor: none}", "adaptor"),
    ],
)
def test_mistakes_in_the_file_of_variants(base, tmp_path, registry, text, message):
    with pytest.raises(UsageError) as caught:
        load_variants([base], registry, variants(tmp_path, text))
    assert re.search(message, str(caught.value))


def test_variants_of_several_specs_are_refused(base, tmp_path, registry):
    with pytest.raises(UsageError, match="changes of one spec, got 2"):
        load_variants([base, base], registry, variants(tmp_path, "a: {}"))


def test_budgets_must_be_equal():
    check_budgets({"a": {"x": 8, "y": 4}, "b": {"x": 8, "y": 4}})
    with pytest.raises(UsageError, match="'a' trains on 4 samples of task 'y', 'b' on 0"):
        check_budgets({"a": {"x": 8, "y": 4}, "b": {"x": 8}})


def test_a_task_alone_has_the_samples_it_has_jointly_with_the_same_seed(base, tmp_path, registry):
    def schedule_of(_, spec):
        return schedule(spec, Proportional(), city=9, shapes=5)

    planned = trials(load_variants([base], registry), schedule_of, 8, ["base"], tmp_path)
    assert [trial.name for trial in planned[:3]] == [
        "base, seed 3",
        "base, seed 3, city alone",
        "base, seed 3, shapes alone",
    ]
    assert [trial.seed for trial in planned] == [seed for seed in range(3, 11) for _ in range(3)]
    assert len({trial.spec.output for trial in planned}) == 24
    joint = {trial.seed: schedule_of("", trial.spec).progress(10) for trial in planned if not trial.alone}
    assert len({own["city"]["samples"] for own in joint.values()}) > 1  # seeds differ by a batch
    for trial in planned:
        if trial.alone:
            assert list(trial.spec.tasks) == [trial.alone]
            assert trial.spec.training.steps * 4 == joint[trial.seed][trial.alone]["samples"]
    for trial in planned[1:3]:
        share = trial.spec.training.steps / 10
        assert trial.spec.training.schedule.warmup == round(4 * share)
        assert trial.spec.training.checkpoint.every == round(5 * share)


def test_only_a_variant_can_be_trained_alone(base, tmp_path, registry):
    specs = load_variants([base], registry)
    with pytest.raises(UsageError, match="no variant 'bass' to train alone"):
        trials(specs, schedule, 1, ["bass"], tmp_path)

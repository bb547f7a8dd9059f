import json

import jsonschema
import pytest

from unistd.core.errors import UsageError
from unistd.registry.document import Document
from unistd.registry.import_card import load_card
from unistd.registry.issues import SpecError
from unistd.registry.schema import card_schema

GOOD = """\
name: waves
files: [data/*.npy]
dims: [time, y, x]
channels: {height: {unit: m}}
time: {start: 2016-01-01}
step: [30, m]
window: {past: 4, future: 2}
split: {fractions: [0.7, 0.15, 0.15]}
"""


@pytest.fixture
def card(tmp_path):
    def write(text):
        path = tmp_path / "card.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_a_good_card_and_its_dates(card):
    found = load_card(card(GOOD))
    assert found.time.start == "2016-01-01"
    assert found.step == (30, "m")


def test_all_errors_come_at_once_with_their_places(card):
    text = GOOD.replace("step: [30, m]\n", "").replace("{unit: m}", "{unti: m}").replace("past: 4", "past: 0")
    with pytest.raises(SpecError) as caught:
        load_card(card(text))
    message = str(caught.value)
    assert len(caught.value.issues) == 4
    assert "card.yaml:1:1: 'step' is missing in the card\n" in message
    assert "card.yaml:4:21: unknown key 'unti' in 'channels.height'\n" in message
    assert "help: did you mean 'unit'? keys: " in message
    assert "card.yaml:4:12: 'unit' is missing in 'channels.height'" in message
    assert "card.yaml:6:16: 'past' must be at least 1, got '0'\n" in message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("{start: 2016-01-01}", "{start: '2016-13-01'}"), "5:15: 'start' must be a date such as 2016-01-01"),
        (("{start: 2016-01-01}", "{start: '2016-01-01T00:00Z'}"), "5:15: 'start' must be a date such as"),
        (("{start: 2016-01-01}", "{start: 2016-01-01, pattern: '%Y'}"), "5:1: 'time' must have one of 'coordinate'"),
        (("{start: 2016-01-01}", "{pattern: 'a_{number}'}"), "5:1: 'time' must have one of 'coordinate'"),
        (("window:", "mask: {valid: [1]}\nwindow:"), "7:1: 'mask' has no effect while missing values stop the import"),
        (("window:", "missing: mask\nmask: {files: [m.npy]}\nwindow:"), "8:1: 'valid' is missing in 'mask'"),
        (
            ("window:", "missing: mask\nmask: {valid: [1], format: npy}\nwindow:"),
            "8:28: 'format' has no effect without",
        ),
        (("{start: 2016-01-01}", "{start: 2016-01-01, units: days}"), "5:34: 'units' has no effect without"),
        (("[0.7, 0.15, 0.15]", "[0.7, 0.15, 0.1]"), "8:9: 'fractions' must be three shares above 0 that add up to 1"),
        (("fractions: [0.7, 0.15, 0.15]", ""), "8:1: 'split' must have one of 'fractions', 'dates', 'names'"),
        (
            ("fractions: [0.7, 0.15, 0.15]", "dates: {val: 2018-01-01, test: 2017-01-01}"),
            "8:40: 'test' must be later than 'val', got '2017-01-01'",
        ),
        (("files: [data/*.npy]\n", ""), "3:12: 'height' has no 'files', and neither has the card"),
        (("{unit: m}", "{unit: m, files: [a]}"), "2:1: 'files' has no effect: every channel has 'files' of its own"),
        (("{unit: m}", "{unit: m, index: 1}"), "4:37: 'index' has no effect: 'dims' has no axis 'channel'"),
        (("[time, y, x]", "[time, y]"), "3:1: 'dims' must have 'y' and 'x'"),
        (("[time, y, x]", "[time, y, y, x]"), "3:1: 'dims' must be different, got 'y' twice"),
        (("[30, m]", "[30, m]\nnormalization: range"), "7:16: 'normalization' must have a 'value_range' to be 'range'"),
        (("[30, m]", "[30, m]\nselect: {level: 850}"), "7:17: 'level' must be another axis of 'dims'"),
        (("[30, m]", "[30, min]"), "6:12: 'step[1]' must be 'ms', 's', 'm', 'h', 'D' or 'M', got 'min'"),
    ],
)
def test_what_a_card_cannot_say(card, change, message):
    with pytest.raises(SpecError) as caught:
        load_card(card(GOOD.replace(*change)))
    assert f"card.yaml:{message}" in str(caught.value)


def test_a_card_that_cannot_be_read(tmp_path):
    with pytest.raises(UsageError, match=r"gone\.yaml: the card cannot be read: No such file"):
        load_card(tmp_path / "gone.yaml")


def test_the_schema_documents_every_field_and_accepts_a_good_card(card):
    schema = json.loads(json.dumps(card_schema()))
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    data = Document.open(card(GOOD.replace("2016-01-01", "'2016-01-01'"))).data
    validator.validate(data)
    assert not validator.is_valid({**data, "stepp": 1})
    for model in (schema, *schema["$defs"].values()):
        assert [name for name, field in model["properties"].items() if not field.get("description")] == []

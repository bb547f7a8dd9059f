from pathlib import Path

import pytest

from unistd.core.errors import UsageError
from unistd.registry.document import Document
from unistd.registry.issues import Source, Span, SpecError
from unistd.registry.reader import MAX_DEPTH, MAX_NODES


def read(text, *overrides):
    document = Document(Source("run.yaml", text))
    for override in overrides:
        document.override(override)
    return document


def problem(text):
    with pytest.raises(SpecError) as caught:
        read(text)
    (issue,) = caught.value.issues
    return issue.message, (issue.span.line, issue.span.column)


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e-4", 1e-4), ("yes", "yes"), ("010", 10), ("~", None), ("'1'", "1"), ("[1, {a: b}]", [1, {"a": "b"}])],
)
def test_values_are_yaml_1_2(text, value):
    assert read(f"x: {text}").data == {"x": value}


def test_json_is_yaml():
    assert read('{"lr": 1e-05, "list": [true, null, "a"]}').data == {"lr": 1e-05, "list": [True, None, "a"]}


@pytest.mark.parametrize(
    ("keys", "of_key", "span"),
    [
        (("model", "kind"), False, Span(2, 11, 4)),
        (("model", "kind"), True, Span(2, 4, 4)),
        (("model",), False, Span(1, 1, 5)),  # a value with parts is shown by its key
        (("list", 1), False, Span(3, 12, 2)),
        (("list", 2, "b"), False, Span(3, 20, 1)),
        (("model", "absent"), False, Span(1, 1, 5)),
        (("absent", "deeper"), False, Span(1, 1, 1)),
    ],
)
def test_places(keys, of_key, span):
    document = read("model:\n  {kind:  'vi'}\nlist: [10, 20, {b: 3}]\n")
    assert document.issue(keys, "", key=of_key).span == span


@pytest.mark.parametrize(
    ("text", "message", "place"),
    [
        ("a: 1\nb: 2\na: 3", "key 'a' is written twice", (3, 1)),
        ("a: !!python/object/apply:os.system [ls]", "tag '!!python/object/apply:os.system' is not allowed", (1, 4)),
        ("a: !env HOME", "tag '!env' is not allowed in a spec", (1, 4)),
        ("a: !!int four", "'four' is no valid int", (1, 4)),
        ("a: !!int", "'' is no valid int", (1, 4)),
        ("a: !!bool maybe", "'maybe' is no valid bool", (1, 4)),
        ("<<: !!x {b: 1}", "tag '!!x' is not allowed in a spec", (1, 5)),
        ("a: 2020-13-01", "'2020-13-01' is no valid timestamp", (1, 4)),
        ("a: [1", "the text is not YAML: expected ',' or ']', but got '<stream end>'", (1, 6)),
        ("a: 1\n\tb: 2", "the text is not YAML: found character '\\t' that cannot start any token", (2, 1)),
        ("a: 1\n---\nb: 1", "the text is not YAML: but found another document", (2, 1)),
        ("a: *b", "the text is not YAML: found undefined alias 'b'", (1, 4)),
        ("a: \x01", "the text is not YAML: ", (1, 1)),
        ("? [a]\n: 1", "a key must be plain text", (1, 3)),
        ("<<: 3", "'<<' must name a mapping", (1, 5)),
        ("a: &x {b: *x}", f"the spec is nested deeper than {MAX_DEPTH}", (1, 4)),
        ("[" * 9000, f"the spec is nested deeper than {MAX_DEPTH}", (1, MAX_DEPTH + 1)),
    ],
)
def test_what_is_refused(text, message, place):
    found, where = problem(text)
    assert found.startswith(message)
    assert where == place


def test_several_problems_come_together():
    with pytest.raises(SpecError) as caught:
        read("a: !x 1\nb: 1\nb: 2\n")
    assert [issue.span.line for issue in caught.value.issues] == [1, 3]


def test_aliases_count_as_what_they_stand_for():
    bomb = "a: &a [1,1,1,1,1,1,1,1]\n"
    bomb += "".join(f"{c}: &{c} [{','.join([f'*{p}'] * 8)}]\n" for p, c in zip("abcdef", "bcdefg", strict=True))
    assert problem(bomb)[0] == f"the spec has more than {MAX_NODES} values, aliases written out"


def test_a_mapping_wins_over_what_it_merges():
    text = "base: &b {x: 1, y: 1}\nmore: &m {x: 2, z: 2}\nout: {x: 3, <<: [*b, *m]}\n"
    assert read(text).data["out"] == {"x": 3, "y": 1, "z": 2}


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("a.b=2", {"a": {"b": 2}, "c": [1, {"d": 1}], "e": None}),
        ("a.new.deep=1e-4", {"a": {"b": 1, "new": {"deep": 1e-4}}, "c": [1, {"d": 1}], "e": None}),
        ("c.1.d=[x]", {"a": {"b": 1}, "c": [1, {"d": ["x"]}], "e": None}),
        ("e.f={g: 1}", {"a": {"b": 1}, "c": [1, {"d": 1}], "e": {"f": {"g": 1}}}),
        ("a=", {"a": None, "c": [1, {"d": 1}], "e": None}),
        ("a.b=x=y", {"a": {"b": "x=y"}, "c": [1, {"d": 1}], "e": None}),
    ],
)
def test_overrides(override, expected):
    assert read("a: {b: 1}\nc: [1, {d: 1}]\ne:\n", override).data == expected


def test_an_override_changes_one_of_two_aliases():
    assert read("a: &x {lr: 1}\nb: *x\n", "a.lr=2").data == {"a": {"lr": 2}, "b": {"lr": 1}}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("a.b", "override 'a.b' is not of the form key=value"),
        ("a..b=1", "override 'a..b=1' is not of the form key=value"),
        ("a.b.c=1", "override 'a.b.c=1' cannot be set: 'a.b' has no keys"),
        ("c.2=1", "override 'c.2=1' cannot be set: the list has 2 items, none is '2'"),
        ("c.x=1", "override 'c.x=1' cannot be set: the list has 2 items, none is 'x'"),
    ],
)
def test_overrides_that_cannot_be_set(override, message):
    with pytest.raises(UsageError) as caught:
        read("a: {b: 1}\nc: [1, 2]\n", override)
    assert caught.value.message == message


def test_an_override_is_named_where_its_value_is_wrong():
    document = read("a: {b: 1}\n", "a.b=2", "new.deep=3")
    shown = [document.issue(keys, "").override for keys in [("a", "b"), ("new",), ("new", "deep", "x"), ("a",)]]
    assert shown == ["a.b=2", "new.deep=3", "new.deep=3", ""]
    assert document.where(("a", "b")) == "<override>"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "the spec cannot be read: No such file or directory"),
        (b"x" * 1_000_001, "the spec has 1000001 bytes; the limit is 1000000"),
        (b"a: \xff", "the spec is not UTF-8 at byte 3"),
    ],
)
def test_files_that_cannot_be_read(tmp_path, content, message):
    path: Path = tmp_path / "run.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        Document.open(path)
    assert (caught.value.message, caught.value.where) == (message, str(path))


def test_a_character_of_two_escapes_is_one(tmp_path):
    assert Document(Source("a", '{"a": "\\ud83d\\ude00"}')).data == {"a": "\U0001f600"}


@pytest.mark.parametrize("text", ['{"a": "\\ud83d"}', '{"\\ude00": 1}'])
def test_half_a_character_is_an_error_that_can_be_printed(text):
    with pytest.raises(SpecError) as caught:
        Document(Source("a", text))
    assert "is no valid str" in str(caught.value).encode().decode()


def test_a_number_that_cannot_be_shown():
    with pytest.raises(SpecError, match="is no valid int") as caught:
        Document(Source("a", "a: 0x" + "f" * 9000))
    assert len(str(caught.value)) < 1000


def test_a_text_of_many_values_is_refused_before_it_is_built(monkeypatch):
    monkeypatch.setattr("unistd.registry.reader.MAX_NODES", 50)
    monkeypatch.setattr("ruamel.yaml.YAML.compose", lambda *_: pytest.fail("it was built"))
    with pytest.raises(SpecError, match="has more than 50 values"):
        Document(Source("a", "[" + "1," * 110 + "]"))

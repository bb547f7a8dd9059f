"""What strangers' files may hold: valid documents with some values made odd, and bytes with some of them changed."""

from __future__ import annotations

import copy
import math

import pytest
from hypothesis import HealthCheck, Phase, given, settings, strategies as st

from unistd.core.errors import UnistdError

TOKENS = (
    *(b"&a ", b"*a", b"<<: *a", b"<<: [*a, *a]", b"!!python/object/apply:os.system ", b"!!int ", b"!!binary ", b"!x "),
    *(b"\0", b"\t", b"\xff", b"\xed\xa0\x80", b"- ", b": ", b"? ", b"| ", b"> ", b"{", b"}", b"[", b"]", b"'", b'"'),
    *(
        b"---\n",
        b"...\n",
        b"%YAML 9.9\n",
        b"0x" + b"f" * 5000,
        b"9" * 5000,
        b"1e999",
        b".nan",
        b"2001-99-99",
        b"\\ud800",
    ),
    *(b"../", b"/etc/passwd", b"\xe2\x80\xae", b"1_0", b"0o17", b"1:30:00", b"~", b"\r", b"\xef\xbb\xbf", b"#"),
)


def nested(depth, leaf):
    for number in range(depth):
        leaf = [leaf] if number % 2 else {"a": leaf}
    return leaf


ODD = st.one_of(
    st.sampled_from([None, True, False, 0, -1, 1, 2**31, 2**63, -(2**63) - 1, 10**300, 0.5, -0.0, 1e308]),
    st.sampled_from(
        [math.nan, math.inf, -math.inf, "", "x", "0", "null", "../../etc/passwd", "/", "~", "a\0b", "\ud7ff"]
    ),
    st.sampled_from([[], {}, [[]], [None], {"": 0}, {"kind": "x"}, ["a"] * 300, "x" * 5000, "é" * 40, "\u202e{}"]),
    st.integers(),
    st.floats(),
    st.text(max_size=12),
    st.lists(st.integers(-2, 9), max_size=4),
    st.dictionaries(st.text(max_size=4), st.none() | st.integers(), max_size=3),
    st.integers(30, 90).map(lambda depth: nested(depth, 0)),
)


def places(value, at=()):
    """Give the path of every value in a document."""
    yield at
    for key, own in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(own, (*at, key))


@st.composite
def odd_document(draw, document):
    """A copy of ``document`` with some values replaced, dropped, repeated, or put under another key."""
    whole = copy.deepcopy(document)
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(sorted(places(whole), key=str)))
        if not path:
            continue
        holder = whole
        for key in path[:-1]:
            holder = holder[key]
        last = path[-1]
        action = draw(st.sampled_from(["replace", "replace", "replace", "drop", "again", "rename"]))
        if action == "replace":
            holder[last] = copy.deepcopy(draw(ODD))
        elif action == "drop":
            del holder[last]
        elif isinstance(holder, list):
            holder.insert(draw(st.integers(0, len(holder))), copy.deepcopy(holder[last]))
        else:
            holder[draw(st.text(max_size=6) | st.sampled_from(["kind", "spec", "step"]))] = holder.pop(last)
    return whole


@st.composite
def odd_bytes(draw, data, tokens=()):
    """``data`` with some bytes flipped, cut, repeated or replaced by ``tokens``."""
    whole = bytearray(data)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(whole) - 1)))
        action = draw(st.sampled_from(["flip", "cut", "repeat", "number", *(["token"] * 4 if tokens else [])]))
        if action == "flip" and whole:
            whole[at] ^= 1 << draw(st.integers(0, 7))
        elif action == "cut":
            del whole[at : at + draw(st.sampled_from([1, 2, 7, 64, len(whole)]))]
        elif action == "repeat":
            whole[at:at] = whole[at : at + draw(st.integers(1, 40))]
        elif action == "number":
            width = draw(st.sampled_from([1, 2, 4, 8]))
            whole[at : at + width] = draw(st.sampled_from([b"\xff", b"\0", b"\x7f"])) * width
        elif tokens:
            whole[at:at] = draw(st.sampled_from(tokens))
    return bytes(whole)


@pytest.fixture
def hammer():
    """Give ``examples`` of a strategy to a reader, which may answer or raise an error of ours, and nothing else."""

    def run(examples, strategy, read):
        @settings(
            max_examples=examples,
            deadline=None,
            derandomize=examples < 1000,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, Phase.shrink],
        )
        @given(strategy)
        def once(made):
            try:
                read(made)
            except UnistdError as error:
                str(error).encode()  # a message that can be printed

        once()

    return run


@pytest.fixture
def odd():
    """The ways to make things odd."""

    class Odd:
        document, bytes, tokens = staticmethod(odd_document), staticmethod(odd_bytes), TOKENS

    return Odd


AMOUNT = [20, pytest.param(3000, marks=pytest.mark.slow)]


def pytest_generate_tests(metafunc):
    if "examples" in metafunc.fixturenames:
        metafunc.parametrize("examples", AMOUNT)

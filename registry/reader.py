"""Reads YAML 1.2 text as plain data, within limits, and remembers where each value stands."""

from __future__ import annotations

from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import CollectionEndEvent, CollectionStartEvent
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from unistd.registry.issues import Issue, Source, Span, SpecError

MAX_NODES = 50_000
MAX_DEPTH = 32
_CORE = "tag:yaml.org,2002:"
_TAGS = {_CORE + name for name in ("str", "int", "float", "bool", "null", "seq", "map", "timestamp", "merge")}

Keys = tuple[str | int, ...]


def dotted(keys: Keys) -> str:
    """Return keys as they are written in messages and overrides, such as ``tasks.a.metrics[0]``."""
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys).lstrip(".")


class Reader:
    """Turns the node graph into data; an alias becomes a copy, so that the limits count what is really there."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._yaml = YAML(typ="safe", pure=True)
        self._values: dict[Keys, Span] = {}
        self._keys: dict[Keys, Span] = {}
        self._issues: list[Issue] = []
        self._nodes = 0

    def document(self) -> Any:
        """Return the text's data.

        Raises:
            SpecError: The text is not YAML, holds a key twice or a tag, or is over a limit.
        """
        try:
            self._check_depth()
            root = self._yaml.compose(self._source.text)
        except MarkedYAMLError as error:
            raise SpecError(self._source, [_syntax(error)]) from error
        except YAMLError as error:
            message = str(error).splitlines()[0]
            raise SpecError(self._source, [Issue(f"the text is not YAML: {message}", Span(1, 1))]) from error
        data = None if root is None else self._read(root, (), 0)
        if self._issues:
            raise SpecError(self._source, self._issues)
        return data

    def holds(self, keys: Keys) -> bool:
        """Return whether the text itself has a value under ``keys``."""
        return keys in self._values

    def span(self, keys: Keys, *, key: bool) -> Span:
        """Return where the value is, or its key; of a value that is not there, where its holder is."""
        if keys in self._values:
            return self._keys.get(keys, self._values[keys]) if key else self._values[keys]
        return self.span(keys[:-1], key=key) if keys else Span(1, 1)

    def _check_depth(self) -> None:
        """Refuse deep nesting from the stream of events; the node graph is built by recursion."""
        depth = 0
        for count, event in enumerate(self._yaml.parse(self._source.text)):
            if count > 2 * MAX_NODES:  # what begins also ends; aliases are counted where they are written out
                raise self._limit(f"the {self._source.noun} has more than {MAX_NODES} values", Span(1, 1))
            depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
            if depth > MAX_DEPTH:
                mark = event.start_mark
                raise self._limit(f"the spec is nested deeper than {MAX_DEPTH}", Span(mark.line + 1, mark.column + 1))

    def _limit(self, message: str, span: Span) -> SpecError:
        return SpecError(self._source, [Issue(message, span)])

    def _read(self, node: Node, keys: Keys, depth: int) -> Any:
        span = _span(node)
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise self._limit(f"the spec has more than {MAX_NODES} values, aliases written out", span)
        if depth > MAX_DEPTH:
            raise self._limit(f"the spec is nested deeper than {MAX_DEPTH}", span)
        self._values[keys] = span if isinstance(node, ScalarNode) else self._keys.get(keys, span)
        if str(node.tag) not in _TAGS:
            tag = str(node.tag).replace(_CORE, "!!")
            self._issues.append(Issue(f"tag '{tag}' is not allowed in a spec", span, "write plain values only"))
            return None
        if isinstance(node, MappingNode):
            return self._mapping(node, keys, depth)
        if isinstance(node, SequenceNode):
            return [self._read(item, (*keys, index), depth + 1) for index, item in enumerate(node.value)]
        return self._scalar(node)

    def _scalar(self, node: Node) -> Any:
        try:
            return _showable(self._yaml.constructor.construct_object(node))
        except (ValueError, LookupError, YAMLError):  # the library looks at the first character of nothing
            kind = str(node.tag).removeprefix(_CORE)
            shown = node.value[:40].encode(errors="backslashreplace").decode()
            self._issues.append(Issue(f"'{shown}' is no valid {kind}", _span(node), "put quotes round text"))
            return None

    def _mapping(self, node: MappingNode, keys: Keys, depth: int) -> dict[Any, Any]:
        data: dict[Any, Any] = {}
        for name, value in node.value:  # merged pairs first, so that the mapping's own win
            if str(name.tag) == f"{_CORE}merge":
                for held in reversed(value.value) if isinstance(value, SequenceNode) else [value]:
                    data |= self._merged(held, keys, depth)
        own: set[Any] = set()
        for name, value in node.value:
            if str(name.tag) == f"{_CORE}merge":
                continue
            key = self._scalar(name) if isinstance(name, ScalarNode) else None
            if key is None or key in own:
                problem = f"key '{key}' is written twice" if key in own else "a key must be plain text"
                self._issues.append(Issue(problem, _span(name)))
                continue
            own.add(key)
            self._keys[*keys, key] = _span(name)
            data[key] = self._read(value, (*keys, key), depth + 1)
        return data

    def _merged(self, held: Node, keys: Keys, depth: int) -> dict[Any, Any]:
        if isinstance(held, MappingNode):
            return self._read(held, keys, depth + 1) or {}  # nothing where it has a tag, which is told
        self._issues.append(Issue("'<<' must name a mapping", _span(held)))
        return {}


def _showable(value: Any) -> Any:
    """Return ``value`` as it can be printed: JSON writes a character beyond 16 bits as two escapes, which are one.

    Raises:
        ValueError: It is half a character, or a number of thousands of digits.
    """
    if isinstance(value, int):
        str(value)
    return value.encode("utf-16", "surrogatepass").decode("utf-16") if isinstance(value, str) else value


def _span(node: Node) -> Span:
    start, end = node.start_mark, node.end_mark
    length = end.column - start.column if start.line == end.line and isinstance(node, ScalarNode) else 1
    return Span(start.line + 1, start.column + 1, max(1, length))


def _syntax(error: MarkedYAMLError) -> Issue:
    mark = error.problem_mark or error.context_mark
    context = f" {error.context}" if error.context else ""
    help_ = "indent by spaces" if "\\t" in str(error.problem) else ""
    return Issue(f"the text is not YAML: {error.problem}{context}", Span(mark.line + 1, mark.column + 1), help_)

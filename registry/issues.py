"""What is wrong in a spec, and how it is shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from unistd.core.errors import UsageError

SHOWN = 20
_WIDTH = 110


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of one line; line and column count from 1."""

    line: int
    column: int
    length: int = 1


@dataclass(frozen=True, slots=True)
class Source:
    """The name and text of a spec, and what messages call it."""

    name: str
    text: str
    noun: str = "spec"


@dataclass(frozen=True, slots=True)
class Issue:
    """One problem: what, the piece of the file or the ``-o`` argument it stands in, and what to do about it."""

    message: str
    span: Span
    help: str = ""
    override: str = ""


class SpecError(UsageError):
    """Everything that is wrong in one spec, sorted by line; a text shows the first 20."""

    def __init__(self, source: Source, issues: Sequence[Issue]) -> None:
        self.issues = sorted(issues, key=lambda issue: (bool(issue.override), issue.span.line, issue.span.column))
        count = len(self.issues)
        super().__init__(f"{count} {'error' if count == 1 else 'errors'} in the {source.noun}", where=source.name)
        self._source = source

    def __str__(self) -> str:
        lines = self._source.text.splitlines()
        blocks = [_render(self._source.name, lines, issue) for issue in self.issues[:SHOWN]]
        if len(self.issues) > SHOWN:
            blocks.append(f"and {len(self.issues) - SHOWN} more")
        return "\n\n".join(blocks)


def _render(name: str, lines: list[str], issue: Issue) -> str:
    span = issue.span
    if issue.override:
        rows = [f"<override>: {issue.message}", f"   -o {issue.override}"]
    else:
        rows = [f"{name}:{span.line}:{span.column}: {issue.message}"]
        if span.line <= len(lines):
            rows += _excerpt(lines[span.line - 1], span)
    if issue.help:
        rows.append(f"  help: {issue.help}")
    return "\n".join(rows)


def _excerpt(line: str, span: Span) -> list[str]:
    """Show the line with carets below; of a long one only what surrounds the span."""
    start = max(0, span.column - 1 - _WIDTH // 2) if len(line) > _WIDTH else 0
    shown = line[start : start + _WIDTH].replace("\t", " ")
    gutter = f"{span.line:>4} | "
    before = span.column - 1 - start
    carets = "^" * max(1, min(span.length, len(shown) - before))
    return [gutter + shown, " " * (len(gutter) + before) + carets]

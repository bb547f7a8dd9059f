"""The page of every error class, made of the classes."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import getdoc
from types import ModuleType

from pydantic import ValidationError

from unistd.core import errors as core_errors, processes
from unistd.core.errors import UnistdError
from unistd.core.markdown import page, prose, table
from unistd.registry import errors as registry_errors, issues
from unistd.registry.document import Document
from unistd.registry.explain import explain
from unistd.registry.issues import Source, SpecError
from unistd.registry.registry import Registry
from unistd.registry.run_spec import RunSpec
from unistd.registry.spec_page import MADE

HOMES: tuple[ModuleType, ...] = (core_errors, processes, registry_errors, issues)
"""Modules that define errors."""
WRONG = """\
name: rain
model: {backbone: {kind: identity, widht: 192}}
tasks: {motion: {kind: synthetic-motion, batch: 0}}
output: runs/rain
"""

INTRO = f"""\
{MADE}

Every error that unistd raises on purpose says what is wrong with the value in single quotes, where it stands, and after
`help:` what to do. Of a spec all errors come at once:
"""
CODES = """\
## Exit codes

| code | means | what to do |
|---|---|---|
| 0 | all went well | |
| 1 | it was started and failed | read `help:`; a run goes on with `--resume` |
| 2 | spec, command or argument is wrong; nothing was started | correct what the message points at |
| 3 | a plug-in or the environment is missing or broken | `unistd doctor`, `unistd plugins check` |
| 75 | of one process of several: another is gone | read what the command that started them says |
| 130 | interrupted, by Ctrl-C or a signal; a run has saved its state | `unistd train SPEC --resume` |

`--verbose`, with any command, shows where in the code an error comes from. An error of any other class is a bug of
unistd or of a plug-in: it comes with its frames, and should be reported.
"""
CATCH = """\
## In Python

All are subclasses of `unistd.UnistdError`, with `message`, `where`, `help` and `exit_code` as attributes:

```python
import unistd

try:
    unistd.load_spec("nowhere.yaml")
except unistd.UnistdError as error:
    print(error.message, error.where, error.exit_code)
```
"""


def errors_page(registry: Registry) -> str:
    """Return the page; its example is what ``registry`` makes of a wrong spec."""
    rows = [
        (
            f"{'– ' * depth}`{own.__name__}`",
            str(own.exit_code),
            prose(getdoc(own) or "").partition("`message`")[0].strip(),
            _import(own),
        )
        for own, depth in classes()
    ]
    example = f"```text\n$ unistd validate rain.yaml\n{_example(registry)}\n```"
    return page(
        "# Errors", INTRO, example, CODES, "## Classes", table(("class", "exit code", "means", "from"), rows), CATCH
    )


def classes() -> Iterator[tuple[type[UnistdError], int]]:
    """Give every error class with its depth, each below the one it is a case of."""
    found = [own for home in HOMES for own in vars(home).values() if _is_error(own) and own.__module__ == home.__name__]

    def below(parent: type[UnistdError], depth: int) -> Iterator[tuple[type[UnistdError], int]]:
        yield parent, depth
        for own in found:
            if parent in own.__bases__:
                yield from below(own, depth + 1)

    yield from below(UnistdError, 0)


def _is_error(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, UnistdError)


def _import(own: type[UnistdError]) -> str:
    return f"`{own.__module__}`"


def _example(registry: Registry) -> SpecError:
    document = Document(Source("rain.yaml", WRONG))
    try:
        RunSpec.model_validate(document.data, context={"registry": registry})
    except ValidationError as error:
        return SpecError(document.source, explain(document, error.errors(include_url=False), registry, RunSpec))
    raise AssertionError(f"this spec should be wrong:\n{WRONG}")

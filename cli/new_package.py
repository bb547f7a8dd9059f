"""A package for one component, rendered from the files in ``templates``."""

from __future__ import annotations

import ast
import keyword
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution
from importlib.util import find_spec
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import Version

from unistd import __version__
from unistd.core.errors import UsageError
from unistd.core.new_folder import whole_or_nothing
from unistd.registry.component import Kind
from unistd.registry.registry import Registry

TEMPLATES = Path(__file__).with_name("templates")
LONGEST = 40  # characters; more would break the lines of the rendered code differently
WORDS = r"[a-z][a-z0-9]*(-[a-z0-9]+)*"
HELP = "lower-case words joined by hyphens, such as unistd-rain"


@dataclass(frozen=True)
class NewPackage:
    """A distribution that offers one component of ``kind``.

    Attributes:
        name: Of the distribution; the component is called the same without ``unistd-`` in front.
        kind: What it offers.
    """

    name: str
    kind: Kind

    @property
    def component(self) -> str:
        """Return what specs call the component."""
        return self.name.removeprefix("unistd-")

    @property
    def module(self) -> str:
        """Return what Python calls the package."""
        return self.name.replace("-", "_")

    def check(self, registry: Registry) -> None:
        """Make sure that the name is well formed and free.

        Raises:
            UsageError: It is not.
        """
        named = all(re.fullmatch(WORDS, part) for part in (self.name, self.component))
        if not named or len(self.name) > LONGEST:
            near = canonicalize_name(self.name)
            good = near != self.name and re.fullmatch(WORDS, near) and len(near) <= LONGEST
            raise UsageError(
                f"a package cannot be named '{self.name}'",
                help=f"'{near}', for one" if good else f"{HELP}, at most {LONGEST} characters",
            )
        for reason in self._taken(registry):
            raise UsageError(f"a package cannot be named '{self.name}': {reason}", help="choose another name")

    def _taken(self, registry: Registry) -> Iterator[str]:
        """Say why the name is somebody else's."""
        if keyword.iskeyword(self.module):
            yield f"'{self.module}' is a keyword of Python"
        if self.component in ("null", "true", "false"):
            yield f"'{self.component}' is no name in YAML"
        if self.module in sys.stdlib_module_names:
            yield f"module '{self.module}' of Python's own library would be hidden"
        if any(Distribution.discover(name=self.name)):
            yield f"a distribution '{self.name}' is installed"
        if find_spec(f"unistd.{self.module}"):
            yield f"it would be mistaken for 'unistd.{self.module}'"
        if find_spec(self.module):
            yield f"a module '{self.module}' is installed"
        for info in registry.plugins:
            if any((own.kind, own.name) == (self.kind, self.component) for own in info.components):
                yield f"{self.kind} '{self.component}' is offered by {info.plugin}"
        if twice := self._defined() & self._imported():
            yield f"its class '{min(twice)}' would have the name of one it is built on"

    def write(self, folder: Path) -> None:
        """Render the package into ``folder``, whole or not at all.

        Raises:
            UsageError: There is something at ``folder``.
        """
        if folder.exists() or folder.is_symlink():
            raise UsageError(f"'{folder}' exists already", help="--out FOLDER, one that is not there yet")
        with whole_or_nothing(folder) as partial:
            for path, text in self._files():
                (partial / path).parent.mkdir(parents=True, exist_ok=True)
                (partial / path).write_text(text, encoding="utf-8")

    def _files(self) -> Iterator[tuple[Path, str]]:
        """Give path and text of every file: those all kinds share, and those of this one."""
        for root in (TEMPLATES / "shared", TEMPLATES / self.kind):
            for path in sorted(root.rglob("*")):
                if path.is_file() and "__pycache__" not in path.parts:  # pip compiles what looks like a module
                    own = self._render(path.relative_to(root).as_posix())
                    yield Path(own), self._render(path.read_text(encoding="utf-8"))

    def _render(self, text: str) -> str:
        """Put this package's names where the templates have stand-ins."""
        camel = "".join(word.capitalize() for word in self.component.split("-"))
        kind = self.kind.capitalize()
        version = Version(__version__)
        above = f"{version.major + 1}" if version.major else f"0.{version.minor + 1}"  # where things may break
        stand_ins = {
            "unistd newrange": f"unistd>={version.major}.{version.minor},<{above}",
            "unistd-newname": self.name,
            "unistd_newname": self.module,
            f"NewName{kind}": camel if camel.endswith(kind) else f"{camel}{kind}",
            "NewName": camel,
            "newname": self.component,
            "newkind": self.kind,
        }
        return re.sub("|".join(stand_ins), lambda found: stand_ins[found[0]], text)

    def _defined(self) -> set[str]:
        return {node.name for node in self._nodes() if isinstance(node, ast.ClassDef)}

    def _imported(self) -> set[str]:
        return {
            alias.name
            for node in self._nodes()
            if isinstance(node, ast.ImportFrom) and not f"{node.module}.".startswith(f"{self.module}.")
            for alias in node.names
        }

    def _nodes(self) -> Iterator[ast.AST]:
        for path, text in self._files():
            if path.suffix == ".py":
                yield from ast.walk(ast.parse(text))

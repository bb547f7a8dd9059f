"""Editable installs see core/, registry/, plugins/ and cli/ as ``unistd.*`` through a link tree."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDERS = ("core", "registry", "plugins", "cli")


class LinkTree(BuildHookInterface):
    """Rebuild ``.dev/unistd`` so that one static ``.pth`` line serves Python, mypy and pyright."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Make the links, for an editable install only."""
        if version != "editable":
            return
        root = Path(self.root)
        tree = root / ".dev" / "unistd"
        shutil.rmtree(tree, ignore_errors=True)
        tree.mkdir(parents=True)
        facade = [path for path in (root / "src" / "unistd").iterdir() if path.is_file()]
        for target in [*facade, *(root / name for name in FOLDERS)]:
            link = tree / target.name
            link.symlink_to(os.path.relpath(target, tree), target_is_directory=target.is_dir())

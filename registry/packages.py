"""Which versions of Python and of the packages unistd needs are installed, for the record of a run."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, requires, version

from packaging.requirements import Requirement


def package_versions() -> dict[str, str]:
    """Return versions by name, Python first; extras and what is not installed are left out."""
    found = {"python": platform.python_version()}
    for requirement in map(Requirement, requires("unistd") or ()):
        if requirement.marker is None:
            try:
                found[requirement.name] = version(requirement.name)
            except PackageNotFoundError:
                continue  # the doctor's to tell
    return found

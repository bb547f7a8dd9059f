"""Puts into the site what lies outside ``docs/``: pages of the top folder, and files that pages link to."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
PAGES = ("CHANGELOG.md", "CONTRIBUTING.md", "README.md")
LINK = re.compile(r"(\]\()([^)#\s]+)")


def on_files(files: Any, config: Any) -> Any:
    """Add the pages of the top folder, and every file of the repository that a page links to."""
    from mkdocs.structure.files import File, InclusionLevel

    for name in PAGES:
        hidden = InclusionLevel.NOT_IN_NAV if name == "README.md" else InclusionLevel.UNDEFINED
        files.append(File.generated(config, name, content=_moved(name), inclusion=hidden))
    for page in files.documentation_pages():
        text = page.content_string if page.src_uri in PAGES else _rewritten(page.content_string, page.src_uri)
        for _, target in LINK.findall(text):
            path = posixpath.normpath(posixpath.join(posixpath.dirname(page.src_uri), target))
            source = ROOT / path.removeprefix("files/")
            if path.startswith("files/") and source.is_file() and not files.get_file_from_path(path):
                hidden = InclusionLevel.NOT_IN_NAV
                files.append(File.generated(config, path, content=source.read_bytes(), inclusion=hidden))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Turn links that leave ``docs/`` to where the site has what they mean."""
    own = page.file.src_uri
    return markdown if own in PAGES else _rewritten(markdown, own)


def _moved(name: str) -> str:
    """Return a page of the top folder as it reads from within ``docs/``."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return LINK.sub(lambda link: link[1] + _from_top(link[2]), text)


def _from_top(target: str) -> str:
    if re.match(r"https?:", target):
        return target
    if (ROOT / target).is_dir():
        target = f"{target.rstrip('/')}/README.md"
    return target.removeprefix("docs/") if target.startswith("docs/") or target in PAGES else f"files/{target}"


def _rewritten(markdown: str, own: str) -> str:
    def turned(link: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(posixpath.dirname(own), link[2]))
        if not path.startswith("../"):
            return link[0]
        up = "../" * own.count("/")
        return f"{link[1]}{up}{_from_top(path.removeprefix('../'))}"

    return LINK.sub(turned, markdown)

"""HTML that cannot hold an unescaped word: text is escaped unless it was made by ``tag``."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence
from html import escape

KINDS = {b"GIF": "gif", b"\x89PNG": "png"}
VOID = {"img", "meta"}


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def tag(name: str, *children: str, **attributes: str) -> Html:
    """Return element ``name`` with ``children``, escaped where they are no ``Html``, and ``attributes``.

    An underscore after an attribute's name is left out (``class_``), one within it is a hyphen (``aria_label``).
    """
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(value, quote=True)}"' for key, value in attributes.items()
    )
    return Html(f"<{name}{given}>" if name in VOID else f"<{name}{given}>{joined(*children)}</{name}>")


def joined(*children: str) -> Html:
    """Return ``children`` one after the other, escaped where they are no ``Html``."""
    return Html("".join(child if isinstance(child, Html) else escape(child, quote=False) for child in children))


def image(data: bytes, alt: str) -> Html:
    """Return a PNG, WebP or GIF in the page itself, in a box that scrolls sideways where the page is narrow."""
    kind = next((kind for start, kind in KINDS.items() if data.startswith(start)), "webp")
    source = f"data:image/{kind};base64,{b64encode(data).decode()}"
    return tag("div", tag("img", src=source, alt=alt), class_="wide", tabindex="0")


def figure(shown: Html, *caption: str, class_: str = "") -> Html:
    """Return ``shown`` under its caption."""
    return tag("figure", tag("figcaption", *caption), shown, **({"class_": class_} if class_ else {}))


def table(header: Sequence[str], rows: Iterable[Sequence[str]], *, left: int = 1) -> Html:
    """Return a table whose first ``left`` columns hold words and whose others hold numbers."""
    places = ["" if column < left else "number" for column in range(len(header))]
    head = tag("tr", *(_cell("th", text, place) for text, place in zip(header, places, strict=True)))
    body = [tag("tr", *(_cell("td", text, place) for text, place in zip(row, places, strict=True))) for row in rows]
    whole = tag("table", tag("thead", head), tag("tbody", *body))
    return tag("div", whole, class_="wide", tabindex="0")


def _cell(name: str, text: str, place: str) -> Html:
    return tag(name, text, class_=place) if place else tag(name, text)


def details(summary: str, *children: str) -> Html:
    """Return ``children`` folded away under ``summary``."""
    return tag("details", tag("summary", summary), *children)


def paragraph(*children: str) -> Html:
    """Return a paragraph."""
    return tag("p", *children)


def code(text: str) -> Html:
    """Return a command or the name of a file."""
    return tag("code", text)

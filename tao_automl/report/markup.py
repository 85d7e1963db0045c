"""HTML that cannot be injected into: every string is escaped unless it is already `Markup`."""

import html
import json
from collections.abc import Iterable
from typing import Any

_EMPTY = frozenset({"meta", "br", "hr", "input", "link"})


class Markup(str):
    """Text that is HTML. Only this module makes it, and `page` for the package's own files."""

    __slots__ = ()


def tag(name: str, *children: object, **attributes: object) -> Markup:
    """``tag("p", "a < b", class_="note")``. None and False leave an attribute out, True writes it bare; in names, a
    trailing underscore is dropped and the others become hyphens."""
    words = [
        name,
        *(_attribute(key, value) for key, value in attributes.items() if not (value is None or value is False)),
    ]
    opening = f"<{' '.join(words)}>"
    return Markup(opening if name in _EMPTY and not children else f"{opening}{join(children)}</{name}>")


def _attribute(key: str, value: object) -> str:
    name = key.rstrip("_").replace("_", "-")
    return name if value is True else f'{name}="{html.escape(str(value), quote=True)}"'


def join(children: Iterable[object]) -> Markup:
    """Children one after another; None is nothing, lists are flattened."""
    return Markup("".join(map(_child, children)))


def _child(child: object) -> str:
    if isinstance(child, Markup):
        return child
    if child is None:
        return ""
    if isinstance(child, list | tuple):
        return join(child)
    return html.escape(str(child), quote=True)


def script_json(value: Any) -> Markup:
    """JSON that is safe inside a script element: no ``<``, ``>`` or ``&``, and no line ends that JavaScript has."""
    dumped = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for char in "<>&\u2028\u2029":
        dumped = dumped.replace(char, f"\\u{ord(char):04x}")
    return Markup(dumped)


def table(heads: Iterable[object], rows: Iterable[Iterable[object]], **attributes: object) -> Markup:
    """A table with a row of column heads; a cell that is a `td` or `th` already is taken as it is."""
    head = tag("thead", tag("tr", *(_cell("th", cell) for cell in heads)))
    body = tag("tbody", *(tag("tr", *(_cell("td", cell) for cell in row)) for row in rows))
    return tag("div", tag("table", head, body, **attributes), class_="scroll")


def _cell(kind: str, cell: object) -> Markup:
    if isinstance(cell, Markup) and cell.startswith(("<td", "<th")):
        return cell
    return tag(kind, cell, scope="col" if kind == "th" else None)


def numeric(cell: object) -> Markup:
    """A cell whose digits line up at the right."""
    return tag("td", cell, class_="num")


def numeric_head(name: object) -> Markup:
    """The head of a column of `numeric` cells."""
    return tag("th", name, class_="num", scope="col")

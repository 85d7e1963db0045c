"""The few shapes that the text tables are made of. Strings are never read as markup."""

from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

Cell = str | Text
GOOD, BAD, DIM, HEAD = "green", "red", "dim", "bold"


def section(title: str, *blocks: RenderableType) -> RenderableType:
    """A titled part of a page, its blocks indented by two."""
    return Group(Text(""), Text(title, style=HEAD), *(Padding(block, (0, 0, 0, 2)) for block in blocks))


def pairs(rows: Iterable[tuple[str, Cell]]) -> RenderableType:
    """Names and what they stand for; long texts wrap beside the name."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, style=DIM)
    grid.add_column(overflow="fold")
    for name, cell in rows:
        grid.add_row(Text(name), as_cell(cell))
    return grid


def pairs_under(head: Text, rows: Iterable[tuple[str, Cell]]) -> RenderableType:
    """Pairs, indented under a line of their own."""
    return Group(head, Padding(pairs(rows), (0, 0, 0, 2)))


def grid(heads: Sequence[str], rows: Iterable[Sequence[Cell]], *, right: Iterable[int] = (), fold: int = -1) -> Table:
    """A table with a dim line of heads and no rules; column `fold` wraps, the others are cut."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style=DIM, show_edge=False)
    numbers = set(right)
    for place, head in enumerate(heads):
        wraps = place == fold
        table.add_column(
            Text(head),
            justify="right" if place in numbers else "left",
            no_wrap=not wraps,
            overflow="fold" if wraps else "ellipsis",
        )
    for row in rows:
        table.add_row(*(as_cell(cell) for cell in row))
    return table


def as_cell(cell: Cell) -> Text:
    return cell if isinstance(cell, Text) else Text(cell)


def note(words: str) -> Text:
    return Text(words, style=DIM)

"""The parts of a Markdown page that a checker looks at: prose, inline code, links, headings and shell commands."""

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

SHELLS = ("sh", "bash", "shell", "console")
_FENCE = re.compile(r"\s*(?P<fence>```+|~~~+)\s*(?P<language>[\w+-]*)")
_CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_LINK = re.compile(r"\[[^\[\]\n]*\]\((?P<target>[^)\s]{1,1000})\)")
_HEREDOC = re.compile(r"<<-?\s*(['\"]?)(\w+)\1")
_SUBSTITUTION = re.compile(r"\$\(([^()]*)\)")
_SEPARATORS = re.compile(r"\s(?:&&|\|\|?|;)(?=\s)|;\s")
_LEADERS = frozenset(
    {"if", "then", "else", "elif", "while", "until", "do", "!", "exec", "sudo", "time", "env", "nohup"}
)
_ASSIGNMENT = re.compile(r"\w+=.*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a page, and the number of the line that it begins on."""

    line: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkdownParts:
    """A page, taken apart. `shell` holds the logical lines of its shell blocks, without here-documents."""

    prose: tuple[Part, ...]
    code: tuple[Part, ...]
    links: tuple[Part, ...]
    shell: tuple[Part, ...]
    anchors: frozenset[str]


def take_apart(lines: Sequence[str]) -> MarkdownParts:
    prose: list[Part] = []
    shell: list[Part] = []
    for language, block in _blocks(lines):
        if language is None:
            prose += block
        elif language in SHELLS:
            shell += _logical(block)
    bare = [Part(part.line, _CODE.sub("", part.text)) for part in prose]
    return MarkdownParts(
        prose=tuple(prose),
        code=tuple(Part(part.line, found) for part in prose for found in _CODE.findall(part.text)),
        links=tuple(Part(part.line, match["target"]) for part in bare for match in _LINK.finditer(part.text)),
        shell=tuple(shell),
        anchors=frozenset(_slug(part.text.lstrip("#")) for part in prose if part.text.startswith("#")),
    )


def _blocks(lines: Sequence[str]) -> Iterator[tuple[str | None, list[Part]]]:
    """Runs of prose (language None) and fenced blocks."""
    language: str | None = None
    fence, block = "", list[Part]()
    for number, line in enumerate(lines, 1):
        mark = _FENCE.match(line)
        if mark and not fence:
            yield None, block
            fence, language, block = mark["fence"], mark["language"].lower(), []
        elif mark and line.strip() == fence:
            yield language, block
            fence, language, block = "", None, []
        else:
            block.append(Part(number, line))
    yield language, block


def _logical(block: list[Part]) -> Iterator[Part]:
    """Continued lines joined, here-documents left out."""
    begun, text, until = 0, "", ""
    for part in block:
        if until:
            until = "" if part.text.strip() == until else until
            continue
        begun = begun or part.line
        if part.text.endswith("\\"):
            text += part.text[:-1] + " "
            continue
        text += part.text
        here = _HEREDOC.search(text)
        until = here[2] if here else ""
        yield Part(begun, text.removeprefix("$ ").strip())
        begun, text = 0, ""
    if text:
        yield Part(begun, text.strip())


def _slug(heading: str) -> str:
    """As the usual hosts make it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def simple_commands(text: str) -> Iterator[list[str]]:
    """The words of each command of a shell line; what is only understood by running it is left as it is."""
    for inner in _SUBSTITUTION.findall(text):
        yield from simple_commands(inner)
    for piece in _SEPARATORS.split(_SUBSTITUTION.sub("SUBSTITUTED", text)):
        words = _words(piece)
        while words and (words[0] in _LEADERS or _ASSIGNMENT.fullmatch(words[0])):
            words = words[1:]
        if words:
            yield words


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text, comments=True)
    except ValueError:  # a quotation that goes on on the next line
        return text.split()

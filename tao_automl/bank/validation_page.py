"""The front matter and the size of a SKILL.md."""

import math
import re
from collections.abc import Iterator
from pathlib import Path

from tao_automl.bank.skill_page import SkillPage
from tao_automl.bank.validation_types import Finding
from tao_automl.domain.nearest import nearest_hint
from tao_automl.errors import TaoAutoMLError

FIELDS = ("name", "description", "license", "compatibility", "metadata", "allowed-tools")
NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
NAME_LIMIT, DESCRIPTION_LIMIT, MODEL_DESCRIPTION_LIMIT, COMPATIBILITY_LIMIT = 64, 1024, 200, 500
LINE_LIMIT, TOKEN_LIMIT = 500, 5000
_WHEN = re.compile(r"\b(use|uses|used|when|whenever|for)\b", re.IGNORECASE)
_PIECE = re.compile(r"[^\W\d_]+|\d{1,3}|\n|[^\w\s]{1,3}|_")
_LETTERS_OF_A_TOKEN = 6
_PLACED = re.compile(r"(?P<path>.*?):(?P<line>\d+): (?P<text>.*)", re.DOTALL)


def estimate_tokens(text: str) -> int:
    """An estimate of the tokens of a text, on the high side for today's tokenizers, which differ by a few per cent.

    A run of letters counts one for every six begun, up to three digits or three marks in a row count one, and so does
    a line end; blanks belong to the word after them.
    """
    return sum(math.ceil(len(piece) / _LETTERS_OF_A_TOKEN) for piece in _PIECE.findall(text))


def fault_of(path: Path, rule: str, error: TaoAutoMLError) -> Finding:
    """An error of a reader as a finding; `FILE:LINE: ` in front of its text says where."""
    placed = _PLACED.fullmatch(error.message)
    if placed is None:
        return Finding(path=path, rule=rule, text=error.message.removeprefix(f"{path}: "))
    return Finding(path=Path(placed["path"]), line=int(placed["line"]), rule=rule, text=placed["text"])


def check_page(page: SkillPage) -> Iterator[Finding]:
    for key, text in _front_faults(page):
        yield Finding(path=page.path, line=page.line_of(key), rule="front-matter", text=text)
    for text in _size_faults(page):
        yield Finding(path=page.path, rule="size", text=text)


def _front_faults(page: SkillPage) -> Iterator[tuple[str, str]]:
    for key in page.front:
        if key not in FIELDS:
            yield key, f"{key!r} must not be there ({nearest_hint(key, FIELDS)})"
    yield from _name_faults(page)
    yield from _description_faults(page)
    yield from _optional_faults(page)


def _name_faults(page: SkillPage) -> Iterator[tuple[str, str]]:
    name, folder = page.front.get("name"), page.path.resolve().parent.name
    if not isinstance(name, str):
        yield "name", f"name must be text, got {name!r:.80}"
    elif not NAME.fullmatch(name) or len(name) > NAME_LIMIT:
        yield "name", f"name must be 1 to {NAME_LIMIT} of a-z, 0-9 and single hyphens, got {name!r:.80}"
    elif name != folder:
        yield "name", f"name must be the folder's, {folder!r}, got {name!r}"


def _description_faults(page: SkillPage) -> Iterator[tuple[str, str]]:
    text = page.front.get("description")
    if not isinstance(text, str) or not text.strip():
        yield "description", f"description must be text, got {text!r:.80}"
        return
    is_model = page.path.resolve().parent.parent.name == "models"
    limit = MODEL_DESCRIPTION_LIMIT if is_model else DESCRIPTION_LIMIT
    if len(text) > limit:
        yield "description", f"description must be at most {limit} characters, got {len(text)}"
    if not is_model and not _WHEN.search(text):  # of models it says the task; the catalog has no room for more
        yield "description", "description must say when to use the skill, got only what it is"


def _optional_faults(page: SkillPage) -> Iterator[tuple[str, str]]:
    for key in ("license", "compatibility", "allowed-tools"):
        if key in page.front and not isinstance(page.front[key], str):
            yield key, f"{key} must be text, got {page.front[key]!r:.80}"
    compatibility = page.front.get("compatibility")
    if isinstance(compatibility, str) and len(compatibility) > COMPATIBILITY_LIMIT:
        yield "compatibility", f"must be at most {COMPATIBILITY_LIMIT} characters, got {len(compatibility)}"
    metadata = page.front.get("metadata", {})
    if not isinstance(metadata, dict):
        yield "metadata", f"metadata must map text to text, got {metadata!r:.80}"
        return
    for key, value in metadata.items():
        if not isinstance(key, str) or not isinstance(value, str):
            yield "metadata", f"metadata must map text to text, got {key!r:.40}: {value!r:.40}; quote it"


def _size_faults(page: SkillPage) -> Iterator[str]:
    if len(page.lines) >= LINE_LIMIT:
        yield f"must have fewer than {LINE_LIMIT} lines, got {len(page.lines)}; move details to references/"
    tokens = estimate_tokens(page.body)
    if tokens >= TOKEN_LIMIT:
        yield f"must have fewer than {TOKEN_LIMIT:,} tokens, got about {tokens:,}; move details to references/"
    if not page.body.strip():
        yield "must have a text after the front matter"

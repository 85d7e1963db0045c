"""What the pages of a skill name must exist: links, paths, commands, options, settings and keys of specs."""

import fnmatch
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tao_automl.bank.files import Unreadable, exists, read_text
from tao_automl.bank.markdown_parts import MarkdownParts, Part, simple_commands, take_apart
from tao_automl.bank.skill_page import PAGE
from tao_automl.bank.validation_types import Finding, Vocabulary
from tao_automl.domain.nearest import nearest_hint

PROGRAM = "tao-automl"
_SIZE_LIMIT = 1_000_000
_FOREIGN = ("http://", "https://", "mailto:")
_PLACEHOLDER = re.compile(r"[<>{}…$]|\.\.\.")
_OWN_PATH = re.compile(r"(?:\./)?(?P<top>references|schemas|scripts|evals|skills|docs|hooks)/[^\s`]+")
_VARIABLE = re.compile(r"\$(?:\w+|\{\w+(?::?[-=][^}]{0,100})?\})/")
_FLAG = re.compile(r"--[a-zA-Z][\w-]*")
_SPEC_KEY = re.compile(r"(?P<key>[a-z_]\w*(?:\.[\w*]+)+)(?:\[\d*\])?(?:\s*[:=].*)?")
_SETTINGS_INDEX = re.compile(r"automl_settings\[[\"'](\w+)[\"']\]")
_FILE_ENDING = re.compile(
    r"bin|cfg|ckpt|csv|engine|gz|html|ini|ipynb|jpg|jsonl?|log|md|np[yz]|onnx|parquet|pdf|png|pt2?|pth|py|sh"
    r"|safetensors|tar|tgz|tlt|toml|tsv|txt|ya?ml|zip"
)


@dataclass(frozen=True, kw_only=True)
class Scope:
    """What the pages of one skill may name. `spec_keys` is empty for a skill that is no model, or cannot be read."""

    folder: Path
    vocabulary: Vocabulary
    root: Path | None = None
    spec_keys: frozenset[str] = frozenset()

    @cached_property
    def places(self) -> tuple[Path, ...]:
        return tuple(filter(None, (self.folder, self.root)))

    @cached_property
    def sections(self) -> frozenset[str]:
        return frozenset(key.partition(".")[0] for key in self.spec_keys if "." in key)

    def script_flags(self, script: Path) -> frozenset[str]:
        """The options in the sources of the folder that a script is in: it may take them from a module beside it."""
        if script.parent not in self._flags:
            texts = (_source(path) for path in _sources(script.parent))
            self._flags[script.parent] = frozenset(flag for text in texts for flag in _FLAG.findall(text)) | {"--help"}
        return self._flags[script.parent]

    @cached_property
    def _flags(self) -> dict[Path, frozenset[str]]:
        return {}

    @cached_property
    def all_flags(self) -> frozenset[str]:
        scripts = (place / "scripts" / "any" for place in self.places if (place / "scripts").is_dir())
        return self.vocabulary.flags.union(*map(self.script_flags, scripts))

    def find(self, name: str) -> Path | None:
        """The file or folder of a name, below the skill or the bank; `*` stands for anything."""
        for place in self.places:
            if exists(place / name):
                return place / name
            if "*" in name and (match := _first_match(place, name)) is not None:
                return match
        return None


def _first_match(place: Path, pattern: str) -> Path | None:
    """Where `**` comes twice, a walk could take for ever."""
    if pattern.count("**") > 1:
        return None
    try:
        return next(place.glob(pattern), None)
    except (OSError, ValueError, NotImplementedError):
        return None


def check_prose(scope: Scope) -> Iterator[Finding]:
    """SKILL.md and the pages of references/."""
    folder = scope.folder
    references = sorted((folder / "references").rglob("*.md"))
    for path in (folder / PAGE, *references):
        try:
            lines = read_text(path, _SIZE_LIMIT).splitlines()
        except Unreadable as error:
            yield Finding(path=path, rule="reference", text=str(error))
            continue
        yield from _Page(scope, path, take_apart(lines)).findings()
    yield from _unnamed(folder, references)


def _unnamed(folder: Path, references: Sequence[Path]) -> Iterator[Finding]:
    """A reference that SKILL.md does not name is never opened."""
    try:
        text = read_text(folder / PAGE, _SIZE_LIMIT)
    except Unreadable:
        return
    for path in references:
        if path.parent != folder / "references":
            yield Finding(path=path, rule="reference", text="references must be one level deep")
        elif path.name not in text:
            yield Finding(path=path, rule="reference", text=f"{PAGE} must name it, with a word on when to open it")


def _sources(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith((".", "__pycache__"))]
        yield from (Path(parent, name) for name in sorted(names) if name.endswith((".py", ".sh")))


def _source(path: Path) -> str:
    try:
        return read_text(path, _SIZE_LIMIT)
    except Unreadable:
        return ""


@dataclass(frozen=True)
class _Page:
    scope: Scope
    path: Path
    parts: MarkdownParts

    def findings(self) -> Iterator[Finding]:
        for part in self.parts.links:
            yield from self._link(part)
        for part in self.parts.code:
            yield from self._inline(part)
        for part in self.parts.shell:
            yield from self._shell(part)
        for part in self.parts.prose:
            for name in _SETTINGS_INDEX.findall(part.text):
                yield from self._setting(part.line, name)

    def _found(self, line: int, rule: str, text: str) -> Finding:
        return Finding(path=self.path, line=line, rule=rule, text=text)

    def _link(self, part: Part) -> Iterator[Finding]:
        target, _, anchor = part.text.partition("#")
        if part.text.startswith(_FOREIGN):
            return
        path = self.path.parent / target if target else self.path
        if not exists(path):
            yield self._found(part.line, "link", f"leads nowhere: {part.text}")
        elif anchor and path.suffix == ".md" and anchor not in self._anchors(path):
            yield self._found(part.line, "link", f"no such heading: {part.text}")

    def _anchors(self, path: Path) -> frozenset[str]:
        return self.parts.anchors if path == self.path else take_apart(_source(path).splitlines()).anchors

    def _inline(self, part: Part) -> Iterator[Finding]:
        text = part.text.strip()
        words = text.split()
        if words and (Path(words[0]).name == PROGRAM or _is_script(words)):
            yield from self._shell(Part(part.line, text))
        elif _FLAG.fullmatch(words[0].partition("=")[0] if words else ""):
            yield from self._lone_flag(part.line, words[0].partition("=")[0])
        elif len(words) == 1 and _OWN_PATH.fullmatch(_plain(text)):
            yield from self._named_path(part.line, _plain(text))
        elif (key := _SPEC_KEY.fullmatch(text)) is not None:
            yield from self._spec_key(part.line, key["key"])

    def _shell(self, part: Part) -> Iterator[Finding]:
        for words in simple_commands(part.text):
            if Path(words[0]).name == PROGRAM:
                yield from self._command(part.line, words[1:])
                continue
            if _is_script(words):
                yield from self._script(part.line, words)
                continue
            for word in words:
                if _OWN_PATH.fullmatch(_plain(word)):
                    yield from self._named_path(part.line, _plain(word))

    def _named_path(self, line: int, name: str) -> Iterator[Finding]:
        if not _PLACEHOLDER.search(name) and self.scope.find(name) is None:
            yield self._found(line, "path", f"no such file: {name}")

    def _script(self, line: int, words: Sequence[str]) -> Iterator[Finding]:
        index = next(index for index, word in enumerate(words) if word.endswith((".py", ".sh")))
        name = _plain(words[index])
        script = None if _PLACEHOLDER.search(name) else self.scope.find(name)
        if not _OWN_PATH.fullmatch(name) or _PLACEHOLDER.search(name):
            return
        if script is None:
            yield self._found(line, "path", f"no such file: {name}")
            return
        if script.is_file() and _source(script).startswith("#!") and not os.access(script, os.X_OK):
            yield self._found(line, "executable", f"{name} must have the executable bit")
        known = self.scope.script_flags(script)
        for flag in _flags(words[index + 1 :]):
            if flag not in known:
                yield self._found(line, "flag", f"{name} has no option {flag} ({nearest_hint(flag, sorted(known))})")

    def _command(self, line: int, words: Sequence[str]) -> Iterator[Finding]:
        commands = self.scope.vocabulary.commands
        if not commands:
            return
        command, rest = _split_command(words, commands)
        if command not in commands:
            wrong = f"{PROGRAM} {command}"
            if not _PLACEHOLDER.search(command):
                yield self._found(line, "command", f"no such command: {wrong} ({nearest_hint(command, commands)})")
            return
        known = commands[command] | commands.get("", frozenset())
        for flag in _flags(rest):
            if flag not in known:
                hint = nearest_hint(flag, sorted(known))
                yield self._found(line, "flag", f"{PROGRAM} {command} has no option {flag} ({hint})")
        for name in _setting_names(rest):
            yield from self._setting(line, name)

    def _setting(self, line: int, name: str) -> Iterator[Finding]:
        known = self.scope.vocabulary.settings
        if known and name not in known and not _PLACEHOLDER.search(name) and not name.isupper():
            yield self._found(line, "setting", f"no such setting: {name} ({nearest_hint(name, sorted(known))})")

    def _lone_flag(self, line: int, flag: str) -> Iterator[Finding]:
        if self.scope.folder.parent.name == "platform" or not self.scope.vocabulary.commands:
            return  # such a page is about a foreign program, and its options
        if flag not in self.scope.all_flags:
            text = f"{flag} is no option of {PROGRAM} or of a script; write a foreign one with its program"
            yield self._found(line, "flag", text)

    def _spec_key(self, line: int, name: str) -> Iterator[Finding]:
        head, last = name.partition(".")[0], name.rpartition(".")[2]
        if head not in self.scope.sections or _FILE_ENDING.fullmatch(last):
            return
        keys = self.scope.spec_keys
        if name in keys or any(key.startswith(f"{name}.") for key in keys):
            return
        if "*" in name and fnmatch.filter(keys, name):
            return
        yield self._found(line, "spec-key", f"no such key in a spec: {name} ({nearest_hint(name, keys)})")


def _plain(word: str) -> str:
    """Without a leading `$SKILL_DIR/`, quotes, and the marks that end a sentence."""
    return _VARIABLE.sub("", word.strip("\"'"), count=1).rstrip(".,:;)")


def _is_script(words: Sequence[str]) -> bool:
    first = Path(words[0]).name
    if first.startswith("python"):
        return len(words) > 1 and words[1].endswith(".py")
    return words[0].endswith((".py", ".sh")) and "/" in words[0]


def _flags(words: Sequence[str]) -> Iterator[str]:
    for word in words:
        if word == "--":
            return
        name = word.partition("=")[0]
        if _FLAG.fullmatch(name):
            yield name


def _setting_names(words: Sequence[str]) -> Iterator[str]:
    for index, word in enumerate(words):
        if word == "--setting" and index + 1 < len(words):
            yield words[index + 1].partition("=")[0]
        elif word.startswith("--setting="):
            yield word.removeprefix("--setting=").partition("=")[0]


def _split_command(words: Sequence[str], commands: Mapping[str, frozenset[str]]) -> tuple[str, Sequence[str]]:
    """`skills list` of `skills list --automl`: a group takes one more word. A line may end at the group, or at once."""
    if not words or words[0].startswith("-"):
        return "", words
    two = " ".join(words[:2])
    if two in commands:
        return two, words[2:]
    is_group = any(name.startswith(f"{words[0]} ") for name in commands)
    if is_group and len(words) > 1 and not words[1].startswith("-"):
        return two, words[2:]
    return words[0], words[1:]

"""What the checker of skills knows and finds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """What prose may name, from those who define it: this package's layers below know no command line.

    Attributes:
        commands: ``"skills list"`` -> its options; those of the program are under ``""``. Empty: not checked.
        settings: the names that ``--setting`` and `automl_settings` take. Empty: not checked.
    """

    commands: Mapping[str, frozenset[str]] = field(default_factory=dict)
    settings: frozenset[str] = frozenset()

    @property
    def flags(self) -> frozenset[str]:
        """The options of all commands."""
        return frozenset().union(*self.commands.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One fault: where, the stable name of the rule, and what must hold."""

    path: Path
    line: int = 1
    rule: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}: {self.text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SkillReport:
    """What was found in one skill; `notes` need no action."""

    name: str
    path: Path
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return not self.findings


@dataclass(frozen=True, slots=True, kw_only=True)
class BankReport:
    """All skills of a bank, what is wrong with them together, and how much of the catalog's budget they use."""

    root: Path
    skills: tuple[SkillReport, ...]
    findings: tuple[Finding, ...]
    catalog_characters: int

    @property
    def ok(self) -> bool:
        return not self.findings and all(skill.ok for skill in self.skills)

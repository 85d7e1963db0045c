"""The checker of skills: the Agent Skills standard, and what makes a skill of this bank true.

Rules have stable names: ``front-matter``, ``size``, ``reference``, ``link``, ``path``, ``command``, ``flag``,
``setting``, ``spec-key``, ``executable``, ``secret``, ``home-path``, ``skill-info``, ``search-space``, ``template``,
``manifest``, ``evals``, ``triggers``; of a whole bank ``catalog`` and ``layout``.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tao_automl.bank.catalog import find_bank_root, find_skill, path_of
from tao_automl.bank.files import exists
from tao_automl.bank.skill import SKILL_INFO
from tao_automl.bank.skill_page import LAYERS, PAGE, SkillPage, read_page, skill_folders
from tao_automl.bank.validation_evals import check_evals
from tao_automl.bank.validation_files import check_files
from tao_automl.bank.validation_model import Model, check_model, read_model
from tao_automl.bank.validation_page import check_page, fault_of
from tao_automl.bank.validation_prose import Scope, check_prose
from tao_automl.bank.validation_types import BankReport, Finding, SkillReport, Vocabulary
from tao_automl.errors import SkillError

CATALOG_LIMIT = 8000  # characters of names and descriptions; more, and some clients show none of the rest


def check_bank(root: Path, vocabulary: Vocabulary | None = None) -> BankReport:
    """Every skill below ``skills/``, and what they are together."""
    folders = skill_folders(root)
    reports = tuple(check_skill(folder, vocabulary, root=root) for folder in folders)
    pages = [page for page in map(_page, folders) if page is not None]
    spent = sum(len(page.name) + len(page.description) for page in pages)
    findings = (*_layout(root, folders), *_catalog(root, pages, spent))
    return BankReport(root=root, skills=reports, findings=findings, catalog_characters=spent)


def check_skill(folder: Path, vocabulary: Vocabulary | None = None, *, root: Path | None = None) -> SkillReport:
    """One skill. With `root`, the bank that it is part of, it must be complete: a page, evals, all templates."""
    vocabulary = vocabulary or Vocabulary()
    findings: list[Finding] = []
    notes: list[str] = []
    model: Model | None = None
    if _is_model(folder, root):
        model, findings = read_model(folder, complete=root is not None)
        if model is not None:
            findings, notes = check_model(model)
    if (folder / PAGE).exists():
        keys = model.keys if model is not None else frozenset()
        findings += _page_findings(folder, Scope(folder=folder, vocabulary=vocabulary, root=root, spec_keys=keys))
    elif root is not None:
        findings.append(Finding(path=folder / PAGE, rule="front-matter", text="a skill must have a SKILL.md"))
    else:
        notes.append(f"no {PAGE}: agents cannot find this skill")
    if root is not None or (folder / "evals").is_dir():
        findings += check_evals(folder)
    findings += check_files(folder)
    return SkillReport(name=folder.name, path=folder, findings=tuple(dict.fromkeys(findings)), notes=tuple(notes))


def _is_model(folder: Path, root: Path | None) -> bool:
    """The other layers of a bank have a skill_info.yaml of their own kind."""
    return folder.parent.name == "models" if root is not None else (folder / SKILL_INFO).exists()


def check_named(name: str, vocabulary: Vocabulary | None = None) -> SkillReport:
    """One skill by folder, or by a name in the bank, of any layer. One of the bank must be complete.

    Raises SkillError when there is none, with the nearest names.
    """
    folder = path_of(name)
    if not exists(folder / PAGE) and not exists(folder / SKILL_INFO):
        by_name = [found for found in skill_folders(find_bank_root()) if found.name == name]
        folder = by_name[0] if by_name else find_skill(name)
    return check_skill(folder, vocabulary, root=_bank_around(folder))


def _bank_around(folder: Path) -> Path | None:
    place = folder.resolve()
    is_in_bank = place.parent.name in LAYERS and place.parent.parent.name == "skills"
    return place.parents[2] if is_in_bank else None


def _page_findings(folder: Path, scope: Scope) -> Iterator[Finding]:
    try:
        page = read_page(folder / PAGE)
    except SkillError as error:
        yield fault_of(folder / PAGE, "front-matter", error)
        return
    yield from check_page(page)
    yield from check_prose(scope)


def _page(folder: Path) -> SkillPage | None:
    try:
        return read_page(folder / PAGE)
    except SkillError:
        return None


def _catalog(root: Path, pages: list[SkillPage], spent: int) -> Iterator[Finding]:
    if spent > CATALOG_LIMIT:
        longest = sorted(pages, key=lambda page: -len(page.description))[:3]
        named = ", ".join(f"{page.name} ({len(page.description)})" for page in longest)
        law = f"names and descriptions must be at most {CATALOG_LIMIT:,} characters together, got {spent:,}"
        yield Finding(path=root / "skills", rule="catalog", text=f"{law}; the longest descriptions: {named}")
    for name, count in Counter(page.name for page in pages).items():
        if count > 1:
            yield Finding(
                path=root / "skills", rule="catalog", text=f"a name must be used once, {name} is {count} times"
            )


def _layout(root: Path, folders: tuple[Path, ...]) -> Iterator[Finding]:
    known = {folder.resolve() for folder in folders}
    for page in sorted((root / "skills").rglob(PAGE)):
        if page.parent.resolve() not in known:
            law = f"a skill must be a folder of skills/{{{','.join(LAYERS)}}}"
            yield Finding(path=page, rule="layout", text=f"{law}; clients do not look deeper")

"""What the bank offers, read from its files: for the router skill, the catalog page and the links of other clients."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tao_automl import plugins
from tao_automl.bank.catalog import SkillSummary, list_skills
from tao_automl.bank.skill import load_skill
from tao_automl.bank.skill_page import LAYERS, PAGE, SkillPage, read_page, skill_folders
from tao_automl.errors import SkillError

CATALOG = Path("docs", "skills.md")
LINKS = Path(".agents", "skills")
_TITLES = {
    "core": "Core",
    "applications": "Applications",
    "platform": "Platforms",
    "models": "Models",
}


def capabilities(root: Path) -> dict[str, Any]:
    """Skills by layer, models by what they can do, platforms and algorithms that are installed. As JSON."""
    pages = skill_pages(root)
    models = list_skills(root)
    return {
        "skills": {
            layer: [
                {"name": page.name, "description": page.description, "path": _below(root, page.path)} for page in found
            ]
            for layer, found in pages.items()
        },
        "models": {
            "count": len(models),
            "automl": [skill.name for skill in models if skill.automl_enabled],
            "actions": _by_action(models),
        },
        "platforms": list(plugins.names(plugins.PLATFORMS)),
        "algorithms": list(plugins.names(plugins.SEARCHERS)),
    }


def skill_pages(root: Path) -> Mapping[str, list[SkillPage]]:
    """The readable SKILL.md files by layer."""
    found: dict[str, list[SkillPage]] = {layer: [] for layer in LAYERS}
    for folder in skill_folders(root):
        try:
            found[folder.parent.name].append(read_page(folder / PAGE))
        except SkillError:
            continue  # the checker says what is wrong with it
    return found


def _by_action(models: tuple[SkillSummary, ...]) -> dict[str, list[str]]:
    names = sorted({action for skill in models for action in skill.actions})
    return {name: [skill.name for skill in models if name in skill.actions] for name in names}


def catalog_page(root: Path) -> str:
    """The page that lists all skills, as Markdown."""
    text = [
        "# Skills",
        "",
        "<!-- Written by scripts/generate_skill_docs.py; change the skills, then run it. -->",
        "",
        "`tao-automl skills list` names the models, `tao-automl skills show NAME` shows what one searches.",
    ]
    summaries = {skill.path.name: skill for skill in list_skills(root)}
    for layer, pages in skill_pages(root).items():
        if pages:
            text += ["", f"## {_TITLES[layer]}", ""]
            text += _models(root, pages, summaries) if layer == "models" else _plain(root, pages)
    return "\n".join(text) + "\n"


def _plain(root: Path, pages: list[SkillPage]) -> list[str]:
    rows = [f"| {_link(root, page)} | {_cell(page.description)} |" for page in pages]
    return ["| skill | what for |", "|---|---|", *rows]


def _models(root: Path, pages: list[SkillPage], summaries: Mapping[str, SkillSummary]) -> list[str]:
    rows = ["| skill | what for | metric | actions | search |", "|---|---|---|---|---|"]
    for page in pages:
        skill = summaries.get(page.path.parent.name)
        actions = ", ".join(skill.actions) if skill else ""
        searched = "yes" if skill and skill.automl_enabled else "no"
        cells = (_link(root, page), _cell(page.description), _metric(page.path.parent), actions, searched)
        rows.append(f"| {' | '.join(cells)} |")
    return rows


def _metric(folder: Path) -> str:
    try:
        metric = load_skill(folder).primary_metric
    except SkillError:
        return ""
    return _cell(f"`{metric.name}` ({metric.direction})")


def _link(root: Path, page: SkillPage) -> str:
    return f"[{page.name}]({os.path.relpath(page.path, root / CATALOG.parent)})"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def agent_links(root: Path) -> dict[str, str]:
    """Name -> target of the links in `.agents/skills`, where many clients look for a flat folder of skills."""
    here = root / LINKS
    return {folder.name: os.path.relpath(folder, here) for folder in skill_folders(root) if (folder / PAGE).is_file()}


def _below(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix()

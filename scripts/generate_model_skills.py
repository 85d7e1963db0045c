#!/usr/bin/env python3
"""Write the generated files of the TAO model skills: skill_info.yaml, spec templates, schemas and evals.

In: skills/sources/tao/NAME.json (facts), skills/sources/tao/overlay/NAME.yaml and common.yaml (what we add and
correct), versions.yaml (images). Out: skills/models/NAME/. SKILL.md is written by hand and never touched.
Exit codes: 0 done or no drift, 1 drift (with --check), 2 a source must be corrected.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from model_skills.evals import build_evals, build_triggers
from model_skills.info import build_info
from model_skills.schemas import actions_with_schemas, build_schema
from model_skills.sources import SKILLS, Source, SourceError, load_sources
from model_skills.templates import build_template


class _Dumper(yaml.SafeDumper):
    """No anchors: a template is read by people."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def generated_files(source: Source, others: Mapping[str, Source]) -> dict[str, str]:
    """Path below the skill's folder -> content."""
    files = {"references/skill_info.yaml": build_info(source)}
    for action in source.facts["actions"]:
        template = build_template(source, action)
        text = yaml.dump(template, Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True)
        files[f"references/spec_template_{action}.yaml"] = f"# Complete defaults of {action}.\n{text}"
    listed = [] if source.overlay.get("refused") else actions_with_schemas(source)
    files |= {f"schemas/{action}.schema.json": _json(build_schema(source, action)) for action in listed}
    files["schemas/manifest.json"] = _json({action: f"{action}.schema.json" for action in listed})
    files["evals/evals.json"] = _json(build_evals(source))
    files["evals/triggers.json"] = _json(build_triggers(source, others))
    return files


def _json(value: object) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def drift_of(folder: Path, wanted: Mapping[str, str]) -> list[str]:
    """Files that differ, are missing, or are left over from an earlier generation."""
    found = [name for name, text in wanted.items() if _read(folder / name) != text]
    left = [path for part in ("references/spec_template_*.yaml", "schemas/*.json") for path in folder.glob(part)]
    return sorted(found + [name for name in (_below(folder, path) for path in left) if name not in wanted])


def _below(folder: Path, path: Path) -> str:
    return path.relative_to(folder).as_posix()


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


def _write(folder: Path, names: list[str], wanted: Mapping[str, str]) -> None:
    for name in names:
        path = folder / name
        if name in wanted:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted[name], encoding="utf-8")
        else:
            path.unlink()


def run(only: str | None, check: bool) -> dict[str, list[str]]:
    """Skill -> files that changed, or with `check` would. Raises SourceError."""
    sources = load_sources(only)
    others = {source.name: source for source in (load_sources() if only else sources)}
    changed = {}
    for source in sources:
        wanted = generated_files(source, others)
        names = drift_of(SKILLS / source.name, wanted)
        if names:
            changed[source.name] = names
        if not check:
            _write(SKILLS / source.name, names, wanted)
    return changed


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 and list the files that differ")
    parser.add_argument("--only", metavar="NAME", help="one skill, such as tao-train-dino")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="what stdout carries")
    given = parser.parse_args(arguments)
    try:
        changed = run(given.only, given.check)
    except (SourceError, OSError, yaml.YAMLError, json.JSONDecodeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if given.format == "json":
        print(json.dumps({"check": given.check, "changed": changed}, indent=1))
    else:
        for name, files in changed.items():
            print("\n".join(f"{name}/{file}" for file in files))
        total = sum(map(len, changed.values()))
        print(f"{total} files {'differ' if given.check else 'written'}", file=sys.stderr)
    return 1 if given.check and changed else 0


if __name__ == "__main__":
    sys.exit(main())

"""The model skills of the bank."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tao_automl.cli import options
from tao_automl.cli.output import Format, console, write_json
from tao_automl.errors import UserError

if TYPE_CHECKING:
    from rich.table import Table

    from tao_automl.bank import Skill, SkillSummary
    from tao_automl.bank.validation_types import SkillReport

FAULTY = 2


def register(group: typer.Typer) -> None:
    group.command("list")(list_all)
    group.command("show")(show)
    group.command("check")(check)


def list_all(
    automl: Annotated[bool, typer.Option("--automl", help="Only those that can be searched.")] = False,
    output: options.OutputFormat = Format.TEXT,
) -> None:
    """Name the model skills of the bank.

    TAO_SKILL_BANK_PATH names the bank; without it, the one beside the package is used.
    """
    from tao_automl.bank import list_skills

    found = [skill for skill in list_skills() if skill.automl_enabled or not automl]
    if output is Format.JSON:
        write_json({"skills": [_summary(skill) for skill in found]})
        return
    from rich.text import Text

    table = _table("skill", "network", "runs as", "search", "actions")
    for skill in found:
        cells = (skill.network_arch, skill.runtime, "yes" if skill.automl_enabled else "no", ", ".join(skill.actions))
        table.add_row(Text(skill.name, style="bold"), *(Text(cell) for cell in cells))
        if skill.fault:
            table.add_row(Text(f"  cannot be read: {skill.fault.splitlines()[0]}", style="red"))
    console().print(table)


def show(
    skill: options.Skill,
    action: Annotated[str, typer.Option(help="The action whose search space is shown.")] = "train",
    output: options.OutputFormat = Format.TEXT,
) -> None:
    """Show a model skill: metrics, budget, data, and the hyperparameters that it suggests to search.

    [bold]Example[/bold]

      tao-automl skills show train-tabular
    """
    from tao_automl.bank import find_skill, load_skill

    loaded = load_skill(find_skill(skill))
    space = _space(loaded, action)
    if output is Format.JSON:
        write_json(_document(loaded, action, space))
    else:
        _print(loaded, action, space)


def check(
    skill: Annotated[
        list[str] | None, typer.Argument(metavar="[SKILL]...", help="Names or folders. (default: the whole bank)")
    ] = None,
    output: options.OutputFormat = Format.TEXT,
) -> int:
    """Check skills: the standard, the search space, and that all that their pages name exists.

    Exit code 2 if one of them has a fault.

    [bold]Examples[/bold]

      tao-automl skills check
      tao-automl skills check train-tabular
    """
    results, bank = _check_some(skill) if skill else _check_all()
    ok = not bank and all(result["ok"] for result in results)
    if output is Format.JSON:
        write_json({"ok": ok, "skills": results, "bank": bank})
    else:
        for result in results:
            _print_check(result)
        if bank:
            _print_check({"skill": "the bank", "ok": False, "faults": bank, "hint": ""})
    return 0 if ok else FAULTY


def _check_all() -> tuple[list[dict[str, Any]], list[str]]:
    from tao_automl.bank import find_bank_root
    from tao_automl.bank.validation import check_bank
    from tao_automl.cli.vocabulary import known_names

    found = check_bank(find_bank_root(), known_names())
    return [_checked(report) for report in found.skills], [str(finding) for finding in found.findings]


def _check_some(names: list[str]) -> tuple[list[dict[str, Any]], list[str]]:
    from tao_automl.bank.validation import check_named
    from tao_automl.cli.vocabulary import known_names

    vocabulary = known_names()
    results = []
    for name in names:
        try:
            results.append(_checked(check_named(name, vocabulary)))
        except UserError as error:
            faults = error.message.splitlines()
            results.append({"skill": name, "ok": False, "faults": faults, "hint": error.hint, "notes": []})
    return results, []


def _checked(report: "SkillReport") -> dict[str, Any]:
    faults = [str(finding) for finding in report.findings]
    return {"skill": report.name, "ok": report.ok, "faults": faults, "hint": "", "notes": list(report.notes)}


def _space(skill: "Skill", action: str) -> list[dict[str, Any]]:
    from tao_automl.bank import read_space, support_gate

    if not skill.automl_enabled:
        return []
    support_gate(skill, action)
    rows = [dict(row) for row in read_space(skill, action).space.to_json()]
    return [row for row in rows if row["type"] not in ("fixed", "derived")]


def _summary(skill: "SkillSummary") -> dict[str, Any]:
    return {
        "name": skill.name,
        "path": str(skill.path),
        "network_arch": skill.network_arch,
        "aliases": list(skill.aliases),
        "automl_enabled": skill.automl_enabled,
        "runtime": skill.runtime,
        "actions": list(skill.actions),
        "fault": skill.fault or None,
    }


def _document(skill: "Skill", action: str, space: list[dict[str, Any]]) -> dict[str, Any]:
    fidelity = skill.fidelity
    return {
        "name": skill.name,
        "path": str(skill.path),
        "network_arch": skill.network_arch,
        "aliases": list(skill.aliases),
        "description": skill.description,
        "automl_enabled": skill.automl_enabled,
        "runtime": skill.runtime,
        "image": skill.container_image,
        "data_format": skill.data_format,
        "metrics": [
            {"name": m.name, "direction": m.direction, "primary": m.primary, "description": m.description}
            for m in skill.metrics
        ],
        "fidelity": {"key": fidelity.key, "min": fidelity.min, "max": fidelity.max} if fidelity else None,
        "actions": list(skill.actions),
        "data_sources": {name: [source.key for source in sources] for name, sources in skill.data_sources.items()},
        "required_credentials": list(skill.required_credentials),
        "action": action,
        "parameters": space,
    }


def _print(skill: "Skill", action: str, space: list[dict[str, Any]]) -> None:
    from rich.text import Text

    terminal = console()
    terminal.print(Text.assemble((skill.name, "bold"), f"  {skill.path}"), soft_wrap=True)
    for label, text in _facts(skill):
        terminal.print(Text.assemble((f"{label:<10}", "dim"), text), soft_wrap=True)
    if not space:
        return
    table = _table(f"searched by {action}", "range", "scale", "default", "only if")
    for row in space:
        table.add_row(*(Text(cell) for cell in _cells(row)))
    terminal.print("")
    terminal.print(table)
    if any(row.get("scale_inferred") for row in space):
        terminal.print(Text("* scale inferred from the range", style="dim"))


def _facts(skill: "Skill") -> list[tuple[str, str]]:
    metrics = (f"{m.name} ({m.direction}{', primary' if m.primary else ''})" for m in skill.metrics)
    fidelity = skill.fidelity
    facts = [
        ("about", skill.description),
        ("aliases", ", ".join(skill.aliases)),
        ("runs as", skill.container_image or skill.runtime),
        ("actions", ", ".join(skill.actions)),
        ("metrics", ", ".join(metrics)),
        ("budget", f"{fidelity.min} to {fidelity.max} {fidelity.unit}s ({fidelity.key})" if fidelity else ""),
        ("secrets", ", ".join(skill.required_credentials)),
    ]
    return [(label, text) for label, text in facts if text]


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    """Name, range, scale, default and condition, in the words of the launch review."""
    from tao_automl.report.reading import read_parameter
    from tao_automl.report.wording import condition_text, range_text, scale_text, spec_value

    parameter = read_parameter(row, row["name"], row["name"])
    default = spec_value(parameter.default, 40)
    return row["name"], range_text(parameter, 400), scale_text(parameter), default, condition_text(parameter, 400)


def _print_check(result: dict[str, Any]) -> None:
    from rich.text import Text

    terminal = console()
    mark = Text("ok      ", style="green") if result["ok"] else Text("fault   ", style="red")
    terminal.print(mark.append(str(result["skill"]), style="bold"), soft_wrap=True)
    for fault in result["faults"]:
        terminal.print(Text(f"        {fault}"), soft_wrap=True)
    if result["hint"]:
        terminal.print(Text(f"        hint: {result['hint']}"), soft_wrap=True)


def _table(*heads: str) -> "Table":
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for head in heads:
        table.add_column(head, no_wrap=not table.columns, overflow="fold")
    return table

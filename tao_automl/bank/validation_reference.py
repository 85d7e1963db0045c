"""The reference validator of the Agent Skills standard, where it is installed (`skills-ref` on PyPI)."""

from pathlib import Path

from tao_automl.bank.skill_page import PAGE
from tao_automl.bank.validation_types import Finding

INSTALL = "pip install skills-ref"


def reference_findings(folder: Path) -> list[Finding] | None:
    """What `agentskills validate` says of a skill; None if it is not installed."""
    try:
        from skills_ref.validator import validate
    except ImportError:
        return None
    try:
        faults = validate(folder)
    except Exception as error:  # noqa: BLE001  # it lets what its YAML reader raises through
        faults = [f"{type(error).__name__}: {error}"]
    return [Finding(path=folder / PAGE, rule="agentskills", text=" ".join(str(fault).split())) for fault in faults]

"""What a preflight found. Whatever is shown of it has no secret in it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

OK, FAILED, UNKNOWN, SKIPPED = "ok", "failed", "unknown", "skipped"
READY, ACT, COULD_NOT_FIND_OUT = 0, 2, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """One check. `status` is ``ok``, ``failed`` (the user must act), ``unknown`` or ``skipped`` (on request).

    `installs` names the Python package whose absence is all that is wrong.
    """

    id: str
    status: str
    evidence: str
    remedy: str = ""
    installs: str | None = None

    def to_json(self) -> dict[str, str]:
        return {"id": self.id, "status": self.status, "evidence": self.evidence, "remedy": self.remedy}


@dataclass(frozen=True, slots=True, kw_only=True)
class PreflightReport:
    """All checks, in the order in which they matter, and the sample counts by label."""

    platform: str
    checks: tuple[CheckResult, ...]
    samples: Mapping[str, int] = field(default_factory=dict)
    installed: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 ready, 2 the user must act, 3 it could not be found out."""
        states = {check.status for check in self.checks}
        return ACT if FAILED in states else COULD_NOT_FIND_OUT if UNKNOWN in states else READY

    def to_json(self) -> dict[str, Any]:
        return {
            "platform": self.platform,
            "ready": self.exit_code == READY,
            "exit_code": self.exit_code,
            "checks": [check.to_json() for check in self.checks],
            "samples": dict(self.samples),
            "installed": list(self.installed),
        }

    def to_text(self) -> str:
        width = max((len(check.id) for check in self.checks), default=0)
        lines = []
        for check in self.checks:
            lines.append(f"{check.status:<8} {check.id:<{width}}  {check.evidence}")
            if check.remedy and check.status != OK:
                lines.append(f"{'':<8} {'':<{width}}  -> {check.remedy}")
        verdict = {READY: "ready", ACT: "not ready: do what the arrows say", COULD_NOT_FIND_OUT: "could not find out"}
        return "\n".join([*lines, verdict[self.exit_code]])

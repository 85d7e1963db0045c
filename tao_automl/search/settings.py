"""What the searchers' settings have in common: how they are described, and the laws that they keep."""

from collections.abc import Sequence
from types import MappingProxyType

from tao_automl.domain.problem import Fidelity, Problem
from tao_automl.errors import SettingsError

NUM_RECOMMENDATIONS = MappingProxyType(
    {
        "help": "How many configurations are tried in all, the default configuration included.",
        "aliases": ("automl_max_recommendations",),
    }
)
REDUCTION_FACTOR = MappingProxyType(
    {
        "help": "One in this many trials goes on to the next rung, to be trained this many times as long (eta).",
        "aliases": ("automl_reduction_factor",),
    }
)


def check_at_least(name: str, value: object, least: int) -> None:
    """Raises SettingsError unless `value` is an integer of `least` or more."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        law = f"{name}: an integer `>= {least}` must hold, got {value!r:.80}"
        raise SettingsError(law, f"set `{name}` to {least} or more")


def check_between(name: str, value: object, low: float, high: float) -> None:
    """Raises SettingsError unless `value` is a number of `low` or more and `high` or less."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not (number and low <= float(value) <= high):  # type: ignore[arg-type]  # a number by now
        law = f"{name}: a number in [{low:g}, {high:g}] must hold, got {value!r:.80}"
        raise SettingsError(law, f"set `{name}` between {low:g} and {high:g}")


def check_one_of(name: str, value: object, options: Sequence[str]) -> None:
    """Raises SettingsError unless `value` is one of `options`."""
    if value not in options:
        allowed = " or ".join(f"`{option}`" for option in options)
        raise SettingsError(f"{name}: one of {allowed} must hold, got {value!r:.80}", f"choose {allowed}")


def fidelity_of(problem: Problem, algorithm: str) -> Fidelity:
    """The problem's fidelity, which `algorithm` cannot do without. Raises SettingsError if it has none."""
    if problem.fidelity is None:
        raise SettingsError(
            f"{algorithm}: the problem must have a fidelity (a spec key that says how long to train), got none",
            "declare `fidelity` in the skill, or choose one that trains every trial in full: random, sobol, grid",
        )
    return problem.fidelity

"""What keeps a run from being launched. `plan` shows it; `run` refuses before it touches anything."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from tao_automl import plugins
from tao_automl.bank.spec_tree import lookup
from tao_automl.domain.json_types import JsonValue
from tao_automl.domain.ports import PlatformSDK
from tao_automl.errors import DataError, SettingsError, UserError
from tao_automl.runner.setup import Setup

_GIVEN_BY = {
    "train": ("training data", "--train-data", "train_dataset_uri"),
    "eval": ("evaluation data", "--eval-data", "eval_dataset_uri"),
}
_BY_HAND = "none here runs images; search by hand: `tao-automl study create`, `ask` and `tell`"
_ERRORS: Mapping[str, type[UserError]] = {"platform": SettingsError, "data": DataError}


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocker:
    """`kind` is platform or data; `remedy` is what the user can do."""

    kind: str
    reason: str
    remedy: str


def find_blockers(setup: Setup, platform: PlatformSDK) -> tuple[Blocker, ...]:
    """Empty if the run can be launched."""
    return (*_platform_blockers(setup, platform), *_data_blockers(setup))


def refuse(blockers: Iterable[Blocker]) -> None:
    """Raises the first of them: SettingsError for a platform, DataError for data."""
    for blocker in blockers:
        raise _ERRORS[blocker.kind](blocker.reason, blocker.remedy)


def _platform_blockers(setup: Setup, platform: PlatformSDK) -> Iterator[Blocker]:
    """A platform that cannot start containers says so by `runs_images = False`."""
    image, gpus = setup.jobs.image, setup.jobs.gpus
    if image is not None and not getattr(platform, "runs_images", True):
        others = ", ".join(name for name in plugins.names(plugins.PLATFORMS) if name != platform.name)
        remedy = f"choose a platform that runs images: {others}" if others else _BY_HAND
        reason = f"the platform {platform.name} starts no containers, and {setup.skill.name} runs in {image}"
        yield Blocker(kind="platform", reason=reason, remedy=remedy)
    elif platform.capacity(gpus) == 0:
        reason = f"the platform {platform.name} has too few GPUs for a job with {gpus}"
        yield Blocker(kind="platform", reason=reason, remedy="ask for fewer with `--gpus`, or choose another platform")


def _data_blockers(setup: Setup) -> Iterator[Blocker]:
    """Every input that is not optional must have a value, and so must one of several that are all optional."""
    missing = _missing(setup)
    for role, (what, option, argument) in _GIVEN_BY.items():
        keys = [key for key, source in missing.items() if source == role]
        if keys:
            reason = f"{what} must be given, for {', '.join(keys)}"
            yield Blocker(kind="data", reason=reason, remedy=f"give {option} PATH (`{argument}`)")
    keys = [key for key, source in missing.items() if source not in _GIVEN_BY]
    if keys:
        remedy = " ".join(f"--override {key}=PATH" for key in keys)
        yield Blocker(kind="data", reason=f"must have a value: {', '.join(keys)}", remedy=f"give {remedy}")


def _missing(setup: Setup) -> dict[str, str | None]:
    """The keys of inputs that need a value and have none, with the role of the dataset that would fill each."""
    skill, action = setup.skill, setup.skill.action(setup.arguments.action)
    spec = setup.jobs.training_spec(setup.problem.space.default(), setup.problem.full_budget)
    roles = {source.key: source.role for source in skill.data_sources.get(action.name, ()) if source.is_known}
    empty = [entry for entry in action.inputs if _is_empty(lookup(spec, entry.key))]
    needed = [entry.key for entry in empty if not entry.optional]
    data = [entry for entry in action.inputs if entry.role == "data"]
    alternatives = [entry.key for entry in data if roles.get(entry.key) == "train"]
    if len(alternatives) > 1 and all(entry.optional and entry in empty for entry in data):
        needed += alternatives
    return {key: roles.get(key) for key in needed}


def _is_empty(value: JsonValue) -> bool:
    """Null, no text, what a template has for a value that must be given (???), and collections of nothing else."""
    if isinstance(value, Mapping):
        return all(map(_is_empty, value.values()))
    return all(map(_is_empty, value)) if isinstance(value, list) else value in (None, "", "???")

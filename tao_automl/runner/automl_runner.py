"""`AutoMLRunner`: a skill, a platform and a workspace. `plan` shows what `run` will do."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Unpack

from tao_automl.domain.ports import PlatformSDK
from tao_automl.engine.loop import Listener
from tao_automl.errors import SettingsError
from tao_automl.platforms.older_sdk import OlderSDK, is_older_sdk
from tao_automl.runner.arguments import ALIASES, Arguments, RunArguments, make_callbacks, refuse_unknown
from tao_automl.runner.blockers import find_blockers, refuse
from tao_automl.runner.data_check import check_data
from tao_automl.runner.plan import Plan, make_plan
from tao_automl.runner.result import Result
from tao_automl.runner.runs import Run, begin, open_platform, resume
from tao_automl.runner.setup import Setup, prepare
from tao_automl.runner.trackers import open_trackers

KEYWORDS = ("skill_dir", "platform_sdk", "workspace_dir", "action", "poll_interval", "on_event")


class AutoMLRunner:
    """Searches the hyperparameters of a skill's action as real jobs on a platform.

    Args:
        skill_dir: a model skill's folder, or its name or alias in the bank.
        platform_sdk: a platform's name (``"local"``), or an object that implements
            `tao_automl.domain.ports.PlatformSDK`, or has the verbs of older TAO SDKs. Alias: ``sdk``.
        workspace_dir: the folder that is the run: its journal, jobs and results. `plan` can do without. Alias:
            ``workspace_path``.
        action: the action whose spec is searched.
        poll_interval: seconds between two looks at the jobs; the platform's own unless given.
        on_event: called with every event, and the experiment after it, once it is durable. Must be quick.

    Raises:
        SettingsError: an unknown or missing argument; the message names the nearest known one.
    """

    def __init__(
        self,
        *,
        skill_dir: str | Path | None = None,
        platform_sdk: str | PlatformSDK | None = None,
        workspace_dir: str | Path | None = None,
        action: str = "train",
        poll_interval: float | None = None,
        on_event: Listener | None = None,
        **more: Any,
    ) -> None:
        given = {"skill_dir": skill_dir, "platform_sdk": platform_sdk, "workspace_dir": workspace_dir}
        for alias, name in ALIASES.items():
            given[name] = more.pop(alias, None) if given[name] is None else given[name]
        refuse_unknown("AutoMLRunner", more, (*KEYWORDS, *ALIASES))
        for name in ("skill_dir", "platform_sdk"):
            if given[name] is None:
                raise SettingsError(f"AutoMLRunner: `{name}` is missing")
        self._skill = str(given["skill_dir"])
        self._workspace = _workspace(given["workspace_dir"])
        self._platform: Any = given["platform_sdk"]
        self._action = action
        self._poll_interval = _poll_interval(poll_interval)
        self._on_event = on_event

    def plan(self, **arguments: Unpack[RunArguments]) -> Plan:
        """The launch review of `run` with the same arguments (see `RunArguments`). Launches and writes nothing."""
        workspace = self._workspace or Path.cwd()
        asked, platform = self._asked("plan", arguments, workspace)
        setup = prepare(asked, platform)
        open_trackers(setup.arguments.trackers, workspace)
        blockers = find_blockers(setup, platform)
        facts = {} if blockers else check_data(setup)
        return make_plan(setup, platform, self._workspace, make_callbacks(arguments), facts, blockers)

    def run(self, *, resume: bool = False, **arguments: Unpack[RunArguments]) -> Result:
        """Runs the search to its end (see `RunArguments`) and returns its result, also when every trial failed.

        With `resume` the run in the workspace goes on where its journal ends. Arguments may be left out then; those
        that are given must be the same as before. Callbacks must be given again.

        Raises:
            UserError: the arguments, the skill, the data or the workspace cannot be used; nothing was launched.
            PlatformError: the platform cannot be opened.
            JournalError: another runner is at work, the journal is damaged, or the skill has changed.
        """
        if self._workspace is None:
            raise SettingsError("AutoMLRunner: `workspace_dir` is missing", "name a folder for the run")
        asked, platform = self._asked("run", arguments, self._workspace)
        run = Run(
            workspace=self._workspace,
            platform=platform,
            callbacks=make_callbacks(arguments),
            poll_interval=self._poll_interval,
            on_event=self._on_event,
        )
        if resume:
            return self._resume(run, arguments)
        setup = prepare(asked, platform)
        refuse(find_blockers(setup, platform))
        self._check_token(arguments.get("plan_token"), setup, run)
        return begin(run, setup)

    def _check_token(self, token: str | None, setup: Setup, run: Run) -> None:
        if token is None:
            return
        plan = make_plan(setup, run.platform, self._workspace, run.callbacks, check_data(setup), ())
        if token != plan.token:
            raise SettingsError(
                f"plan_token: it is {token!r}, and this run would be {plan.token!r}: something has changed since",
                "look at the plan again, and give its `token`",
            )

    def _resume(self, run: Run, arguments: RunArguments) -> Result:
        base = {"skill_dir": self._skill, "action": self._action, "platform": run.platform.name}
        return resume(run, {**arguments, **base})

    def _asked(self, where: str, arguments: Mapping[str, Any], workspace: Path) -> tuple[Arguments, PlatformSDK]:
        refuse_unknown(where, arguments, (*RunArguments.__annotations__, "resume"))
        given = OlderSDK(self._platform, workspace) if is_older_sdk(self._platform) else self._platform
        name = given if isinstance(given, str) else given.name
        asked = Arguments(skill_dir=self._skill, action=self._action, platform=name).updated(arguments)
        if isinstance(given, str):
            return asked, open_platform(given, workspace, asked.platform_options)
        return asked, given


def _workspace(value: Any) -> Path | None:
    return None if value is None else Path(str(value)).expanduser().absolute()


def _poll_interval(value: float | None) -> float | None:
    if value is not None and not value > 0:
        raise SettingsError(f"poll_interval: seconds above 0 are needed, got {value!r}")
    return value

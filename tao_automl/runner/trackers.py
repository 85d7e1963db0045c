"""The door for experiment trackers: which ones a run is shown in, and with what options."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tao_automl import plugins
from tao_automl.errors import SettingsError, UserError
from tao_automl.tracking.port import Tracker

Asked = Mapping[str, Mapping[str, Any]]
log = logging.getLogger("tao_automl")


def trackers_setting(name: str, value: Any) -> dict[str, dict[str, Any]]:
    """Tracker -> its options. Raises SettingsError for anything else."""
    if not isinstance(value, Mapping) or not all(isinstance(options, Mapping) for options in value.values()):
        raise SettingsError(
            f"{name}: a mapping of trackers to their options is needed, got {value!r:.80}",
            'for example {"tensorboard": {}, "wandb": {"mode": "offline"}}',
        )
    return {str(tracker): dict(options) for tracker, options in value.items()}


def settle_trackers(given: Mapping[str, Any], before: Asked) -> dict[str, Any]:
    """The arguments of a run with ``trackers`` as one of their own, out of the setting of this name and `wandb_config`.

    The setting takes the place of all trackers of `before`; `wandb_config` is ``trackers["wandb"]``, and adds to them.
    Raises SettingsError if W&B is asked for in both places.
    """
    known = dict(given)
    config = known.pop("wandb_config", None)
    settings = known.get("automl_settings")
    asked: Asked | None = None
    if isinstance(settings, Mapping) and "trackers" in settings:
        known["automl_settings"] = {name: value for name, value in settings.items() if name != "trackers"}
        asked = trackers_setting("trackers", settings["trackers"] or {})
    if config is not None:
        if asked and "wandb" in asked:
            raise SettingsError("wandb_config and the setting `trackers` both ask for wandb", "keep one of them")
        asked = {**(before if asked is None else asked), **trackers_setting("wandb_config", {"wandb": config})}
    return known if asked is None else {**known, "trackers": asked}


def open_trackers(asked: Asked, workspace: Path) -> dict[str, Tracker]:
    """The trackers by name. Checks their options; writes and connects nothing yet. Raises UserError."""
    return {name: open_tracker(name, options, workspace) for name, options in asked.items()}


def continued_trackers(asked: Asked, recorded: Asked, workspace: Path) -> dict[str, Tracker]:
    """Those of a run that goes on. Of the recorded ones, those that cannot be opened any more are left out, with a
    warning: they are no reason not to go on. What is asked for anew is checked as ever."""
    if asked != recorded:
        return open_trackers(asked, workspace)
    opened: dict[str, Tracker] = {}
    for name, options in recorded.items():
        try:
            opened[name] = open_tracker(name, options, workspace)
        except UserError as error:
            log.warning("tracker %s is left out: %s", name, error.message)
    return opened


def open_tracker(name: str, options: Mapping[str, Any], workspace: Path) -> Tracker:
    """One tracker. Raises UnknownPlugin, MissingExtra, or SettingsError for what it has against the options."""
    tracker: Tracker = plugins.load(plugins.TRACKERS, name)(workspace / "tracking", options)
    return tracker

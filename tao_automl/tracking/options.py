"""The door for what a tracker is asked to do: one frozen dataclass a tracker, whose fields are the options."""

import dataclasses
import importlib.util
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from tao_automl.domain.nearest import nearest_hint
from tao_automl.errors import MissingExtra, SettingsError

Options = TypeVar("Options")
_PASSWORD = re.compile(r"//[^/@\s]*:[^/@\s]+@")
_SECRET = re.compile(r"(?:key|token|secret|password)$")


def read_options(tracker: str, options: type[Options], given: Mapping[str, Any], secrets: str) -> Options:
    """The options, checked: every name is a field, every value a text, or a list of texts where the default is one.

    `secrets` says where this tracker finds its credentials: they are no options. Raises SettingsError.
    """
    fields = {field.name: field for field in dataclasses.fields(options)}  # type: ignore[arg-type]  # a dataclass
    values = {}
    for name, value in given.items():
        if name not in fields:
            hint = secrets if _SECRET.search(str(name)) else nearest_hint(str(name), fields)
            raise SettingsError(f"{tracker}: unknown option `{name}`", hint)
        read = _texts if fields[name].default == () else _text
        values[name] = read(f"{tracker}: {name}", value)
        if _PASSWORD.search(str(value)):
            raise SettingsError(f"{tracker}: {name}: an address must not hold a password", secrets)
    return options(**values)


def one_of(name: str, value: str | None, allowed: Sequence[str]) -> None:
    """Raises SettingsError for a value that is none of these."""
    if value is not None and value not in allowed:
        raise SettingsError(f"{name}: one of {', '.join(allowed)} is needed, got {value!r:.80}")


def require(extra: str, *modules: str) -> None:
    """Raises MissingExtra if one of the modules is not there. Imports none: some take seconds."""
    for module in modules:
        found = importlib.util.find_spec(module)
        if found is None or found.origin is None:  # a mere folder of that name, such as W&B makes them, has no origin
            raise MissingExtra(
                f"`{extra}` needs the package `{module}`, which is not installed", f"pip install 'tao-automl[{extra}]'"
            )


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise SettingsError(f"{name}: a text is needed, got {value!r:.80}")
    return value.strip()


def _texts(name: str, value: Any) -> tuple[str, ...]:
    listed = value.split(",") if isinstance(value, str) else value
    if not isinstance(listed, Sequence) or not listed:
        raise SettingsError(f"{name}: a list of texts is needed, got {value!r:.80}")
    return tuple(_text(name, item) for item in listed)

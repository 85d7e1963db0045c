"""Parameters and metrics in the narrower forms that other systems take."""

import json
import re

from tao_automl.domain.json_types import JsonObject, JsonValue

_FOREIGN = re.compile(r"[^\w\-. :/]")


def scalar(value: JsonValue) -> bool | int | float | str:
    """Itself, or the JSON of a value that is no scalar."""
    return value if isinstance(value, bool | int | float | str) else json.dumps(value, ensure_ascii=False)


def scalars(params: JsonObject) -> dict[str, bool | int | float | str]:
    """A configuration without lists, mappings and nulls."""
    return {name: scalar(value) for name, value in params.items()}


def plain_name(name: str) -> str:
    """The name with letters, digits and ``_ - . : /`` and spaces only: ``a - 0.1*b`` is ``a - 0.1_b``."""
    return _FOREIGN.sub("_", name)

"""When two configurations are the same."""

import hashlib
import json
from collections.abc import Iterable, Mapping

from tao_automl.domain.json_types import JsonValue
from tao_automl.domain.parameters import Derived, Fixed, Parameter, Text, Vector
from tao_automl.errors import SearchSpaceError


def signature_of(active: Iterable[Parameter], config: Mapping[str, JsonValue]) -> str:
    """A hash of the values of the active parameters, each as its declared type. Stored in journals.

    What is derived follows from the others, and is left out.
    """
    typed = {p.name: _canonical(p, config.get(p.name)) for p in active if not isinstance(p, Derived)}
    text = json.dumps(typed, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _canonical(parameter: Parameter, value: JsonValue) -> JsonValue:
    if value is None and isinstance(parameter, Fixed | Text):
        value = parameter.default
    try:
        typed: JsonValue = parameter.cast(value)
    except SearchSpaceError:
        typed = value
    if isinstance(typed, list) and isinstance(parameter, Vector):
        return [_written(element) for element in typed]
    return _written(typed)


def _written(value: JsonValue) -> JsonValue:
    return repr(value) if isinstance(value, float) else value

"""The numbers of a configuration that a repair can move."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from tao_automl.domain.floats import Float
from tao_automl.domain.ints import Int
from tao_automl.domain.json_types import JsonValue
from tao_automl.domain.json_values import is_number
from tao_automl.domain.lists import Vector
from tao_automl.domain.optional import Optional
from tao_automl.domain.parameters import Parameter

Values: TypeAlias = dict[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Dial:
    """A number, or an element of a list, and what it may be; `vector` is set for an element."""

    name: str
    item: Float | Int
    part: int = 0
    vector: Vector | None = None

    def read(self, values: Mapping[str, JsonValue]) -> float | None:
        value = values[self.name]
        if self.vector is not None and isinstance(value, list | tuple):
            value = value[self.part]
        return value if is_number(value) else None

    def write(self, values: Values, number: float) -> None:
        """A monotone list is put in order again."""
        old = values[self.name]
        if self.vector is not None and isinstance(old, list | tuple):
            elements = [*old[: self.part], number, *old[self.part + 1 :]]
            values[self.name] = self.vector.ordered(elements)
        else:
            values[self.name] = number


def dials_of(values: Mapping[str, JsonValue], parameters: Mapping[str, Parameter]) -> dict[str, Dial]:
    """By variable: a name, or ``name[i]``."""
    found: dict[str, Dial] = {}
    for name, value in values.items():
        parameter = parameters[name]
        inner = parameter.inner if isinstance(parameter, Optional) and value is not None else parameter
        if isinstance(inner, Float | Int):
            found[name] = Dial(name, inner)
        elif isinstance(inner, Vector):
            found |= {f"{name}[{k}]": Dial(name, item, k, inner) for k, item in enumerate(inner.items)}
    return found

"""Single values: whether a parameter takes them, and holding it at one."""

from collections.abc import Mapping

from tao_automl.domain.grid import computed
from tao_automl.domain.json_types import JsonValue
from tao_automl.domain.json_values import same_json
from tao_automl.domain.parameters import Derived, Fixed, Parameter
from tao_automl.domain.wording import legal_values, membership


def held(parameter: Parameter, value: JsonValue) -> Fixed:
    """The parameter at a value that training accepts. Raises SearchSpaceError."""
    if isinstance(parameter, Fixed):
        return parameter.fixed(value)
    cast = parameter.cast(value)
    if not parameter.allows(cast):
        raise parameter.refusal(f"a value that training accepts is needed ({legal_values(parameter)})", value)
    return parameter.fixed(cast)


def value_problem(parameter: Parameter, config: Mapping[str, JsonValue]) -> str:
    """Why the parameter's value in `config` is none of its members, or an empty string."""
    if parameter.name not in config:
        return f"{parameter.name}: must have a value, got none"
    value = config[parameter.name]
    if isinstance(parameter, Derived):
        values = computed(parameter, config)
        fits = not values or same_json(values[0], value)
    else:
        fits = parameter.contains(value)
    return "" if fits else f"{parameter.name}: must be {membership(parameter)}, got {value!r:.80}"

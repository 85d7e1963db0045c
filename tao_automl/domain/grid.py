"""All combinations of values, where some parameters exist only under some values of others."""

from collections.abc import Iterator, Mapping, Sequence

from tao_automl.domain.fixed import fresh
from tao_automl.domain.json_types import JsonValue
from tao_automl.domain.parameters import Parameter

_ABSENT = object()
_END = object()


def exists(parameter: Parameter, config: Mapping[str, JsonValue]) -> bool:
    return parameter.when is None or parameter.when.holds(config)


def combinations(
    ordered: Sequence[Parameter], levels: Mapping[str, Sequence[JsonValue]]
) -> Iterator[dict[str, JsonValue]]:
    """Each combination once; `ordered` has parents first, and its last name varies fastest.

    An odometer on a stack of iterators: thousands of names would be too deep for recursion.
    """
    config: dict[str, JsonValue] = {}
    stack: list[Iterator[object]] = []
    while True:
        for parameter in ordered[len(stack) :]:
            stack.append(iter(levels[parameter.name] if exists(parameter, config) else (_ABSENT,)))
            _turn(parameter.name, stack[-1], config)
        yield {name: fresh(value) for name, value in config.items()}
        while stack and not _turn(ordered[len(stack) - 1].name, stack[-1], config):
            stack.pop()
        if not stack:
            return


def _turn(name: str, values: Iterator[object], config: dict[str, JsonValue]) -> bool:
    """Put the next value in place; False when there is none."""
    config.pop(name, None)
    value = next(values, _END)
    if value is _END:
        return False
    if value is not _ABSENT:
        config[name] = value  # type: ignore[assignment]  # the iterators hold JSON values and the two marks above
    return True

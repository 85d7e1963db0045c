"""Whether a space may take the place of another once trials exist: it must have room for all of them."""

from collections.abc import Iterator, Sequence

from tao_automl.domain.constraints import Constraint
from tao_automl.domain.json_values import same_json
from tao_automl.domain.parameters import (
    Bool,
    Choice,
    Derived,
    Fixed,
    Float,
    Int,
    Optional,
    Parameter,
    Subset,
    Text,
    Vector,
)


def extension_faults(
    new: Sequence[Parameter],
    old: Sequence[Parameter],
    new_constraints: Sequence[Constraint],
    old_constraints: Sequence[Constraint],
) -> Iterator[str]:
    """One sentence for each reason why a member of the old space might be none of the new one."""
    known = {parameter.name: parameter for parameter in new}
    for before in old:
        if before.name not in known:
            yield f"{before.name}: a parameter must not go, once trials have it"
        else:
            yield from _parameter_faults(known[before.name], before)
    names = {parameter.name for parameter in old}
    yield from (f"{name}: a parameter must not come, once trials lack it" for name in known if name not in names)
    written = [constraint.expression for constraint in old_constraints]
    for constraint in new_constraints:
        if constraint.expression not in written:
            yield f"`{constraint.text}`: a constraint must not come, once trials may break it"


def _parameter_faults(new: Parameter, old: Parameter) -> Iterator[str]:
    before, after = type(old).__name__.lower(), type(new).__name__.lower()
    if before != after:
        yield f"{old.name}: the type must stay, got {after} instead of {before}"
    elif new.when != old.when:
        yield f"{old.name}: the condition must stay"
    else:
        yield from _range_faults(new, old)


def _range_faults(new: Parameter, old: Parameter) -> Iterator[str]:
    match (new, old):
        case (Float() | Int(), Float() | Int()):
            yield from _number_faults(new, old)
        case (Choice(), Choice()):
            yield from _option_faults(new, old)
        case (Subset(), Subset()):
            yield from _option_faults(new, old)
            yield from _size_faults(new, old)
        case (Vector(), Vector()):
            yield from _list_faults(new, old)
        case (Optional(), Optional()):
            yield from _parameter_faults(new.inner, old.inner)
        case (Text(), Text()):
            if new.max_length < old.max_length:
                yield f"{old.name}: max_length must not shrink, got {new.max_length} instead of {old.max_length}"
        case (Derived(), Derived()):
            if new.expression != old.expression:
                yield f"{old.name}: the expression must stay, got {new.expression} instead of {old.expression}"
        case (Fixed(), Fixed()):
            if not same_json(new.value, old.value):
                yield f"{old.name}: the fixed value must stay, got {new.value!r:.60} instead of {old.value!r:.60}"
        case (Bool(), Bool()):
            return


def _number_faults(new: Float | Int, old: Float | Int) -> Iterator[str]:
    if new.low > old.low or new.high < old.high:
        ranges = f"[{new.low!r}, {new.high!r}] instead of [{old.low!r}, {old.high!r}]"
        yield f"{old.name}: a range must not shrink, got {ranges}"
    elif not all(new.contains(end) for end in old.levels(2)) or (new.is_grid() and new.step != old.step):
        yield f"{old.name}: the grid must keep its values, got {new.grid_law()} from {new.low!r}"


def _option_faults(new: Choice | Subset, old: Choice | Subset) -> Iterator[str]:
    gone = [option for option in old.options if not any(same_json(option, other) for other in new.options)]
    if gone:
        yield f"{old.name}: an option must not go, got none of {gone!r:.100}"


def _size_faults(new: Subset, old: Subset) -> Iterator[str]:
    if new.min_size > old.min_size or new.max_size < old.max_size:
        sizes = f"{new.min_size} to {new.max_size} instead of {old.min_size} to {old.max_size}"
        yield f"{old.name}: the allowed sizes must not shrink, got {sizes}"


def _list_faults(new: Vector, old: Vector) -> Iterator[str]:
    if new.width != old.width or new.monotone not in (None, old.monotone):
        yield f"{old.name}: the length and the order of the list must stay"
        return
    for after, before in zip(new.items, old.items, strict=True):
        yield from _parameter_faults(after, before)

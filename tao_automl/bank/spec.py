"""The spec of one job: the action's template, the user's overrides, the trial's parameters, and where the data is."""

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

from tao_automl.bank.declarations import DataSource, Skill
from tao_automl.bank.leaves import Property
from tao_automl.bank.schema_reader import read_schema
from tao_automl.bank.skill import read_template
from tao_automl.bank.spec_tree import assign, flatten, list_key, lookup, nest, remove
from tao_automl.domain.expressions import Expression, ExpressionError
from tao_automl.domain.json_types import JsonValue
from tao_automl.domain.json_values import fresh
from tao_automl.domain.nearest import nearest_hint
from tao_automl.domain.ordering import parents_first
from tao_automl.errors import SettingsError

Uris = str | Sequence[str] | None


def known_properties(skill: Skill, action: str) -> Mapping[str, Property]:
    """The leaves of the action's schema; empty for an action without one."""
    path = skill.schema_path(action)
    return read_schema(path).properties if path.is_file() else {}


def apply_overrides(
    template: Mapping[str, JsonValue],
    overrides: Mapping[str, JsonValue],
    shorthands: Mapping[str, str] | None = None,
    properties: Mapping[str, Property] | None = None,
) -> dict[str, Any]:
    """A copy of `template` with nested or dotted `overrides`.

    Short names are spelled out; a value is checked where the schema knows the key.

    Raises:
        SettingsError: an unknown key, with the nearest valid one; a value of the wrong type or outside its bounds.
    """
    spec: dict[str, Any] = nest(template)
    flat = flatten(spec)
    for name, value in _spelled_out(overrides, shorthands or {}).items():
        _check_override(name, value, flat, properties or {}, shorthands or {})
        if value != {} or not _is_section(name, flat):
            assign(spec, name, value)
    return spec


def _spelled_out(overrides: Mapping[str, JsonValue], shorthands: Mapping[str, str]) -> dict[str, JsonValue]:
    return flatten(nest(_renamed(overrides, shorthands)))


def _renamed(overrides: Mapping[str, JsonValue], shorthands: Mapping[str, str]) -> dict[str, JsonValue]:
    found: dict[str, JsonValue] = {}
    for name, value in overrides.items():
        full = shorthands.get(name, name)
        if full != name and full in overrides:
            raise SettingsError(f"{full}: must be given once, got it under {name!r} too")
        found[full] = value
    return found


def _check_override(
    name: str,
    value: JsonValue,
    flat: Mapping[str, JsonValue],
    properties: Mapping[str, Property],
    shorthands: Mapping[str, str],
) -> None:
    if "[" in name:
        _check_element(name, flat, shorthands)
    elif name in properties:
        problem = properties[name].problem(value)
        if problem:
            raise SettingsError(f"{name}: {problem}, got {value!r:.80}")
    elif _is_section(name, flat):
        if value != {}:
            raise SettingsError(f"{name}: is a section and must be given as a mapping, got {value!r:.80}")
    elif name not in flat and not _in_open_section(name, flat, properties):
        raise SettingsError(f"{name}: no such key in this spec", nearest_hint(name, [*flat, *properties, *shorthands]))


def _check_element(name: str, flat: Mapping[str, JsonValue], shorthands: Mapping[str, str]) -> None:
    """That the list exists; what is in it is not this reader's business."""
    key = list_key(name)
    if not isinstance(flat.get(key), list):
        found = "no such key in this spec" if key not in flat else f"only a list has elements, got {flat[key]!r:.60}"
        raise SettingsError(f"{name}: {found}", nearest_hint(key, [*flat, *shorthands]))


def _is_section(name: str, flat: Mapping[str, JsonValue]) -> bool:
    return any(key.startswith(f"{name}.") for key in flat)


def _in_open_section(name: str, flat: Mapping[str, JsonValue], properties: Mapping[str, Property]) -> bool:
    """Below a key that holds an empty mapping, or that the schema declares as an object of any content."""
    parts = name.split(".")
    above = [".".join(parts[:depth]) for depth in range(1, len(parts))]
    return any(flat.get(key) == {} or (key in properties and "object" in properties[key].types) for key in above)


def render_spec(
    skill: Skill,
    action: str,
    *,
    overrides: Mapping[str, JsonValue] | None = None,
    params: Mapping[str, JsonValue] | None = None,
    fixed_values: Mapping[str, JsonValue] | None = None,
) -> dict[str, Any]:
    """Template <- overrides <- fixed values <- params, without the keys whose condition does not hold.

    What the schema derives is computed from the rest, unless an override or a fixed value gives it. The same arguments
    give the same spec, key order included. Raises SkillError for the template, SettingsError for overrides, parameters
    and what cannot be computed.
    """
    skill.action(action)
    properties = known_properties(skill, action)
    layers = (overrides or {}, _in_order(fixed_values), _in_order(params))
    shorthands = skill.spec_shorthand_keys
    spec = reduce(
        lambda spec, layer: apply_overrides(spec, layer, shorthands, properties), layers, read_template(skill, action)
    )
    given = {*_spelled_out(overrides or {}, shorthands), *_spelled_out(fixed_values or {}, shorthands)}
    _settle(spec, properties, given)
    return spec


def _in_order(values: Mapping[str, JsonValue] | None) -> dict[str, JsonValue]:
    return dict(sorted((values or {}).items()))


def _settle(spec: dict[str, Any], properties: Mapping[str, Property], given: set[str]) -> None:
    """Removes what is inactive and computes what is derived, unless it was given. The child of an inactive parameter
    is inactive, and so is what is derived from it. Raises SettingsError for what cannot be computed.
    """
    active: dict[str, JsonValue] = {}
    for name in parents_first({name: leaf.inputs for name, leaf in properties.items()}):
        leaf = properties[name]
        derived = leaf.derived if name not in given else None
        absent = derived is not None and not _follows(derived, active)
        if absent or (leaf.condition is not None and not leaf.condition.holds(active)):
            remove(spec, name)
            continue
        if derived is not None:
            assign(spec, name, _computed(leaf, derived, active))
        active[name] = lookup(spec, name, leaf.default)


def _follows(expression: Expression, values: Mapping[str, JsonValue]) -> bool:
    """Whether all that it names is active; from null, nothing follows that cannot be computed."""
    if not all(name in values for name in expression.names):
        return False
    try:
        expression.evaluate(values)
    except ExpressionError:
        return all(values[name] is not None for name in expression.names)
    return True


def _computed(leaf: Property, expression: Expression, values: Mapping[str, JsonValue]) -> JsonValue:
    try:
        found = expression.evaluate(values)
    except ExpressionError as error:
        raise SettingsError(f"{leaf.name}: {error.message}", error.hint) from error
    if leaf.types == ("integer",) and isinstance(found, float) and found.is_integer():
        found = int(found)
    problem = leaf.problem(found)
    if problem:
        raise SettingsError(f"{leaf.name}: `{expression.text}` {problem}, got {found!r:.80}")
    return found


def data_source_overrides(
    skill: Skill, action: str, train_dataset_uri: Uris = None, eval_dataset_uri: Uris = None
) -> dict[str, JsonValue]:
    """Dotted spec keys -> places below the dataset URIs, as the skill's `data_sources` declare them.

    A source whose URI is not given is left out, and so is one whose place depends on what is there. Several URIs need
    a key that takes a list, or that counts the elements of one (``sources[0].path``).
    """
    uris = {"train": _as_list(train_dataset_uri), "eval": _as_list(eval_dataset_uri)}
    template: dict[str, Any] = {}
    found: dict[str, JsonValue] = {}
    for source in skill.data_sources.get(action, ()):
        given = uris.get(source.role, [])
        if given and source.is_known:
            template = template or read_template(skill, action)
            found.update(_locations(source, given, lookup(template, source.key)))
    return found


def _as_list(uris: Uris) -> list[str]:
    return [uris] if isinstance(uris, str) else list(uris or ())


def _locations(source: DataSource, uris: Sequence[str], current: object) -> dict[str, JsonValue]:
    places: list[JsonValue] = [source.place(uri.rstrip("/") if source.path else uri) for uri in uris]
    if source.many or isinstance(current, list):
        return {source.key: places}
    if "[0]" in source.key and len(places) > 1:
        return {source.key.replace("[0]", f"[{k}]", 1): fresh(place) for k, place in enumerate(places)}
    if len(places) > 1:
        raise SettingsError(f"{source.key}: must be given one {source.source}, got {len(places)}")
    return {source.key: fresh(places[0])}

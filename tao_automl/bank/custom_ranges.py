"""The door for `custom_param_ranges`: every entry is checked against the schema before it changes the search."""

from collections.abc import Mapping, Sequence
from typing import Any

from tao_automl.bank.bound_laws import value_problem
from tao_automl.bank.leaves import Property, SchemaDocument, check_parents, parse_condition
from tao_automl.domain.conditions import Condition
from tao_automl.domain.json_values import is_number, json_key, same_json
from tao_automl.domain.nearest import nearest_hint
from tao_automl.domain.parameters import Scale
from tao_automl.errors import SearchSpaceError

CUSTOM_KEYS = ("valid_min", "valid_max", "valid_options", "option_weights", "scale", "step", "depends_on")
_NUMERIC_KEYS = ("valid_min", "valid_max", "scale", "step")
_MEANT = {
    "min": "valid_min",
    "low": "valid_min",
    "max": "valid_max",
    "high": "valid_max",
    "values": "valid_options",
    "options": "valid_options",
    "choices": "valid_options",
    "weights": "option_weights",
}

Ranges = Mapping[str, Mapping[str, Any]]


def checked_ranges(ranges: Mapping[str, Any] | None, schema: SchemaDocument) -> dict[str, dict[str, Any]]:
    """The entries without their null keys. Raises SearchSpaceError that names what is allowed."""
    if ranges is not None and not isinstance(ranges, Mapping):
        raise SearchSpaceError(f"custom_param_ranges must map parameters to ranges, got {type(ranges).__name__}")
    found = {}
    for name, entry in (ranges or {}).items():
        if name not in schema.properties:
            hint = nearest_hint(str(name), schema.properties)
            raise SearchSpaceError(f"custom_param_ranges: {name}: no such parameter in {schema.path}", hint)
        found[name] = _Entry(schema.properties[name], schema).checked(entry)
    return found


class _Entry:
    """One parameter's entry; `_fault` puts the place in front of every law."""

    def __init__(self, leaf: Property, schema: SchemaDocument) -> None:
        self._leaf = leaf
        self._schema = schema

    def _fault(self, law: str, got: object, hint: str = "") -> SearchSpaceError:
        return SearchSpaceError(f"custom_param_ranges: {self._leaf.name}: {law}, got {got!r:.100}", hint)

    def checked(self, entry: object) -> dict[str, Any]:
        if not isinstance(entry, Mapping) or not entry:
            raise self._fault("a range must be a mapping with some of " + ", ".join(CUSTOM_KEYS), entry)
        for key in entry:
            if key not in CUSTOM_KEYS:
                hint = f"did you mean {_MEANT[key]}?" if key in _MEANT else nearest_hint(str(key), CUSTOM_KEYS)
                raise self._fault("must have known keys only", key, hint)
        found = {key: value for key, value in entry.items() if value is not None}
        self._check_kind(found)
        self._check_numbers(found)
        self._check_options(found)
        self._check_weights(found)
        if "depends_on" in found:
            found["depends_on"] = self._condition(found["depends_on"])
        return found

    def _check_kind(self, entry: Mapping[str, Any]) -> None:
        numeric = [key for key in _NUMERIC_KEYS if key in entry]
        if not numeric:
            return
        if "valid_options" in entry:
            raise self._fault(f"valid_options and {numeric[0]} exclude each other", sorted(entry))
        if self._options() is not None or not self._is_numeric():
            kind = f"options {list(self._options() or ())!r:.120}" if self._options() else f"type {self._leaf.types[0]}"
            raise self._fault(
                f"{numeric[0]} is for numbers; this parameter has {kind}", entry[numeric[0]], "use valid_options"
            )

    def _options(self) -> tuple[Any, ...] | None:
        """Those of the parameter, or those that a subset is chosen from."""
        return self._subset() or self._leaf.options

    def _subset(self) -> tuple[Any, ...] | None:
        items = self._leaf.node.get("items", {})
        return tuple(items["enum"]) if "array" in self._leaf.types and "enum" in items else None

    def _is_numeric(self) -> bool:
        """A number, a list of numbers, or null instead of either."""
        return set(self._leaf.types) - {"null"} in ({"number"}, {"integer"}, {"number", "integer"}, {"array"})

    def _check_numbers(self, entry: dict[str, Any]) -> None:
        for key in ("valid_min", "valid_max"):
            if key in entry:
                entry[key] = self._legal(key, entry[key])
        low, high = entry.get("valid_min"), entry.get("valid_max")
        if is_number(low) and is_number(high) and low > high:
            raise self._fault("`valid_min <= valid_max` must hold", (low, high))
        scales = [str(scale) for scale in Scale]
        if entry.get("scale", "linear") not in scales:
            raise self._fault(f"scale must be one of {', '.join(scales)}", entry["scale"])
        if "step" in entry and not (is_number(entry["step"]) and entry["step"] > 0):
            raise self._fault("step must be a number > 0", entry["step"])

    def _legal(self, key: str, value: object) -> Any:
        if "array" in self._leaf.types:
            return self._legal_of_elements(key, value)
        if not is_number(value):
            raise self._fault(f"{key} must be a finite number", value)
        whole = set(self._leaf.types) - {"null"} == {"integer"}
        if isinstance(value, float) and value.is_integer() and whole:
            value = int(value)
        problem = self._leaf.problem(value)
        if problem and "multiple" not in problem:
            raise self._fault(f"{key} {problem}", value, "the schema's bounds are what training accepts")
        return value

    def _legal_of_elements(self, key: str, value: object) -> Any:
        """One number for all elements, or one for each."""
        values = value if isinstance(value, list | tuple) else [value]
        if not values or not all(map(is_number, values)):
            raise self._fault(f"{key} must be a finite number, or one for each element", value)
        bare = {keyword: law for keyword, law in self._leaf.node.items() if keyword in ("items", "prefixItems")}
        problem = value_problem(bare, (), list(values))
        if problem and "multiple" not in problem:
            raise self._fault(f"{key} {problem}", value, "the schema's bounds are what training accepts")
        return list(values) if isinstance(value, list | tuple) else value

    def _check_options(self, entry: Mapping[str, Any]) -> None:
        if "valid_options" not in entry:
            return
        options = entry["valid_options"]
        if not isinstance(options, Sequence) or isinstance(options, str) or not options:
            raise self._fault("valid_options must be a list of at least one value", options)
        for option in options:
            problem = self._option_problem(option)
            if problem:
                raise self._fault(f"every one of valid_options {problem}", option)
        if len({json_key(option) for option in options}) < len(options):
            raise self._fault("valid_options must be distinct", options)

    def _option_problem(self, option: Any) -> str:
        subset = self._subset()
        if subset is None:
            return self._leaf.problem(option)
        known = any(same_json(option, other) for other in subset)
        return "" if known else f"must be one of {list(subset)!r:.200}"

    def _check_weights(self, entry: Mapping[str, Any]) -> None:
        if "option_weights" not in entry:
            return
        weights, options = entry["option_weights"], entry.get("valid_options", self._leaf.options)
        if options is None:
            raise self._fault("option_weights must come with valid_options", weights)
        valid = isinstance(weights, Sequence) and all(is_number(w) and w >= 0 for w in weights) and any(weights)
        if not valid or len(weights) != len(options):
            raise self._fault(f"option_weights must be {len(options)} numbers >= 0, one of them > 0", weights)

    def _condition(self, allowed: object) -> Condition | None:
        where = f"custom_param_ranges: {self._leaf.name}"
        if not isinstance(allowed, Mapping | str):
            raise self._fault("depends_on must map parents to lists of values, or be an expression", allowed)
        condition = parse_condition([allowed], where)
        if condition is not None:
            check_parents(condition, self._schema.properties, where)
        return condition


def weights_for(leaf: Property, options: Sequence[Any], custom: Mapping[str, Any]) -> tuple[float, ...] | None:
    """The user's weights, else the schema's for the options that are left."""
    if "option_weights" in custom:
        return tuple(custom["option_weights"])
    declared, all_options = leaf.node.get("option_weights"), leaf.options or ()
    if declared is None or len(declared) != len(all_options):
        return None if declared is None else tuple(declared)
    kept = [
        weight
        for option in options
        for weight, known in zip(declared, all_options, strict=True)
        if same_json(option, known)
    ]
    return tuple(kept) if len(kept) == len(options) and any(kept) else None

"""The keywords of our schema dialect, and the rules that one keyword must keep by itself."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from tao_automl.bank.bound_laws import bound_problems
from tao_automl.domain.json_values import is_number
from tao_automl.domain.parameters import Monotone, Scale, Strength

GROUP = {"type", "title", "description", "properties", "required", "additionalProperties", "$comment", "$defs"}
ROOT_OURS = {"automl_default_parameters", "automl_disabled_parameters", "automl_constraints"}
ROOT = GROUP | ROOT_OURS | {"$schema", "$id"}
NUMBERS = (
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "search_minimum",
    "search_maximum",
)
_PLAIN = {"type", "title", "description", "default", "enum", "const", "examples", "deprecated", "$comment"}
_SHAPES = {
    "items",
    "prefixItems",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minLength",
    "maxLength",
    "pattern",
    "format",
    "minProperties",
    "additionalProperties",
}
_NUMERIC_OURS = {"search_minimum", "search_maximum", "scale"}
LEAF_OURS = _NUMERIC_OURS | {
    "automl_enabled",
    "popular",
    "option_weights",
    "ordered",
    "monotone",
    "depends_on",
    "conditions",
    "derived",
    "prior",
}
LEAF = _PLAIN | _SHAPES | LEAF_OURS | set(NUMBERS)
ITEM = {"type", "title", "description", "enum", "$comment"} | set(NUMBERS) | _NUMERIC_OURS
TYPES = ("number", "integer", "boolean", "string", "array", "object", "null")

Need: TypeAlias = Callable[[bool, str, object], None]
"""Raises, unless its first argument holds: the law, and what was found instead."""


def check_keywords(node: Mapping[str, Any], need: Need) -> None:
    """What each keyword of a leaf, or of the elements of a list, must be."""
    _check_numbers(node, need)
    _check_lists(node, need)
    _check_lengths(node, need)
    _check_words(node, need)
    _check_prior(node.get("prior", {"mean": 0}), need)


def _check_numbers(node: Mapping[str, Any], need: Need) -> None:
    for keyword in NUMBERS:
        if keyword in node:
            need(is_number(node[keyword]), f"{keyword} must be a finite number", node[keyword])
    need(node.get("multipleOf", 1) > 0, "multipleOf must be > 0", node.get("multipleOf"))
    for low, high in (("minimum", "maximum"), ("search_minimum", "search_maximum")):
        if low in node and high in node:
            need(node[low] <= node[high], f"`{low} <= {high}` must hold", (node[low], node[high]))
    bare = {keyword: value for keyword, value in node.items() if keyword != "multipleOf"}
    for keyword in ("search_minimum", "search_maximum"):
        if keyword in node:
            problem = next(bound_problems(bare, node[keyword]), "")
            need(not problem, f"{keyword} {problem}", node[keyword])


def _check_lists(node: Mapping[str, Any], need: Need) -> None:
    for keyword in ("enum", "popular", "option_weights"):
        if keyword in node:
            valid = isinstance(node[keyword], list) and node[keyword] != []
            need(valid, f"{keyword} must be a list of values", node[keyword])


def _check_lengths(node: Mapping[str, Any], need: Need) -> None:
    for keyword in ("minItems", "maxItems", "minLength", "maxLength"):
        value = node.get(keyword, 0)
        valid = isinstance(value, int) and not isinstance(value, bool) and value >= 0
        need(valid, f"{keyword} must be a whole number >= 0", value)
    for low, high in (("minItems", "maxItems"), ("minLength", "maxLength")):
        if low in node and high in node:
            need(node[low] <= node[high], f"`{low} <= {high}` must hold", (node[low], node[high]))


def _check_words(node: Mapping[str, Any], need: Need) -> None:
    for keyword in ("automl_enabled", "ordered", "uniqueItems"):
        value = node.get(keyword, True)
        need(isinstance(value, bool), f"{keyword} must be true or false", value)
    for keyword, words in (("scale", list(Scale)), ("monotone", list(Monotone))):
        if keyword in node:
            known = isinstance(node[keyword], str) and node[keyword] in words
            need(known, f"{keyword} must be one of {', '.join(words)}", node[keyword])
    need(isinstance(node.get("derived", ""), str), "derived must be an expression", node.get("derived"))


def _check_prior(prior: Any, need: Need) -> None:
    law = 'prior must be {"mean": a number, or one for each element, "strength": weak, medium or strong}'
    valid = isinstance(prior, dict) and set(prior) <= {"mean", "strength"}
    mean = prior.get("mean") if valid else None
    numbers = is_number(mean) or (isinstance(mean, list) and mean != [] and all(map(is_number, mean)))
    need(valid and numbers and prior.get("strength", "weak") in [str(s) for s in Strength], law, prior)

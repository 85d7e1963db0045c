"""Which parameters of a schema are searched: what the user asks for, what the author suggests, and what forbids it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tao_automl.bank.leaves import SchemaDocument
from tao_automl.domain.json_types import JsonValue
from tao_automl.domain.nearest import nearest_hint
from tao_automl.errors import SearchSpaceError


@dataclass(frozen=True, slots=True)
class Chooser:
    """`notes` say what was decided and is not obvious, `removed` why something is not searched."""

    schema: SchemaDocument
    ranges: Mapping[str, Mapping[str, Any]]
    fixed: Mapping[str, JsonValue]
    notes: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)

    def chosen(self, hyperparameters: Sequence[str] | None) -> list[str]:
        """In the order of the schema, whatever the order of the question."""
        names = self._asked(hyperparameters) if hyperparameters is not None else self._suggested()
        wanted = {name for name in names if name not in self.fixed}
        for name in names:
            if name in self.fixed:
                self.remove(name, f"fixed at {self.fixed[name]!r:.80}")
        self._check_ranges_used(wanted)
        return [name for name in self.schema.properties if name in wanted]

    def remove(self, name: str, why: str) -> None:
        self.removed.append(f"{name}: {why}")
        self.notes.append(f"{name}: {why}; not searched")

    def searchable(self) -> list[str]:
        leaves = self.schema.properties.values()
        return [leaf.name for leaf in leaves if leaf.searchable and leaf.name not in self.schema.disabled]

    def _asked(self, hyperparameters: Sequence[str]) -> list[str]:
        if isinstance(hyperparameters, str):
            raise SearchSpaceError(
                f"automl_hyperparameters must be a list of names, got the text {hyperparameters!r:.80}"
            )
        if not hyperparameters:
            self.removed.append("automl_hyperparameters=[] asks for nothing")
        for name in hyperparameters:
            self._check_asked(name)
        return list(dict.fromkeys(hyperparameters))

    def _check_asked(self, name: str) -> None:
        leaf = self.schema.properties.get(name)
        if leaf is None:
            hint = nearest_hint(str(name), self.searchable())
            raise self.schema.fault("automl_hyperparameters", f"{name}: no such parameter", hint)
        if name in self.schema.disabled:
            raise self.schema.fault(
                "automl_disabled_parameters", f"{name}: is never searched, by this rule of the schema"
            )
        if leaf.derived is not None:
            raise self.schema.fault(
                leaf.place, f"{name}: is never searched, it is derived as {leaf.derived.text!r:.80}"
            )
        if not leaf.searchable:
            hint = f"searchable: {', '.join(self.searchable()[:20])}"
            raise self.schema.fault(
                leaf.place, f"{name}: automl_enabled must be true to search it, got none or false", hint
            )

    def _suggested(self) -> list[str]:
        """The schema's own list, and what the user gave a range of their own."""
        names = self.schema.defaults
        if names is None:
            self.notes.append("the schema has no automl_default_parameters: everything that is enabled is searched")
            names = tuple(self.searchable())
        elif not names:
            self.removed.append("automl_default_parameters is empty")
        kept = [name for name in names if self._may_suggest(name)]
        for name in self.ranges:
            if name not in names:
                self._check_asked(name)
                self.notes.append(f"{name}: searched because custom_param_ranges names it")
                kept.append(name)
        return kept

    def _may_suggest(self, name: str) -> bool:
        if name in self.schema.disabled:
            self.remove(name, "listed in automl_disabled_parameters")
            return False
        leaf = self.schema.properties[name]
        if leaf.derived is not None:
            raise self.schema.fault("automl_default_parameters", f"{name}: is derived, so it cannot be searched")
        if not leaf.searchable:
            raise self.schema.fault(
                "automl_default_parameters", f"{name}: automl_enabled must be true, got none or false"
            )
        return True

    def _check_ranges_used(self, wanted: set[str]) -> None:
        for name in self.ranges:
            if name not in wanted:
                why = "it is fixed" if name in self.fixed else "it is not searched"
                raise SearchSpaceError(
                    f"custom_param_ranges: {name}: {why}, so its range has no effect",
                    "add it to automl_hyperparameters, or drop the range",
                )

"""From a value for each parameter to a configuration that is a member: what is active, and what keeps the rules."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from tao_automl.domain.constraints import Rule
from tao_automl.domain.feasibility import anchor_of
from tao_automl.domain.grid import computed, exists
from tao_automl.domain.json_types import JsonValue
from tao_automl.domain.json_values import fresh
from tao_automl.domain.parameters import Derived, Fixed, Float, Parameter, Text
from tao_automl.domain.repair import mended
from tao_automl.errors import SearchSpaceError

Config: TypeAlias = dict[str, JsonValue]
Choose: TypeAlias = Callable[[Parameter], JsonValue]
_REDRAWS = 24  # of what broke a rule, before it is repaired
_ROUNDS = 4  # of repairs, each of which may change what is active
_STRIDES = 16  # on the way to a configuration that is known to keep the rules


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembly:
    """`ordered` has parents first; `groups` has all names that rules connect with a name."""

    ordered: tuple[Parameter, ...]
    rules: tuple[Rule, ...]
    by_name: Mapping[str, Parameter]
    groups: Mapping[str, frozenset[str]]
    anchor: Mapping[str, JsonValue]

    @classmethod
    def of(cls, ordered: Sequence[Parameter], rules: Sequence[Rule]) -> "Assembly":
        """Raises SearchSpaceError for rules that cannot be kept."""
        by_name = {parameter.name: parameter for parameter in ordered}
        groups = _groups(rules, by_name)
        bare = cls(ordered=tuple(ordered), rules=tuple(rules), by_name=by_name, groups=groups, anchor={})
        if not rules:
            return bare
        anchor = anchor_of(bare.ordered, bare.rules, bare.assembled)
        return cls(ordered=bare.ordered, rules=bare.rules, by_name=by_name, groups=groups, anchor=anchor)

    def assembled(self, choose: Choose) -> Config:
        """The active parameters, each with its chosen value. It may break rules."""
        config: Config = {}
        for parameter in self.ordered:
            if parameter.when is not None and not parameter.when.holds(config):
                continue
            if not isinstance(parameter, Derived):
                config[parameter.name] = choose(parameter)
            elif exists(parameter, config):
                config.update((parameter.name, value) for value in computed(parameter, config))
        return config

    def broken(self, config: Mapping[str, JsonValue]) -> list[Rule]:
        return [rule for rule in self.rules if rule.broken(config)]

    def chosen(self, choose: Choose) -> Config:
        """The member that `choose` says, or one near it. `choose` gives the same value whenever it is asked."""
        config = self.assembled(choose)
        return self.repaired(config, choose) if self.broken(config) else config

    def drawn(self, rng: random.Random) -> Config:
        """A draw from the prior, conditional on the rules as far as a few draws tell."""
        config = self.assembled(lambda parameter: parameter.draw(rng))
        return self.settled(config, rng) if self.broken(config) else config

    def settled(self, config: Config, rng: random.Random) -> Config:
        """Draws what breaks rules anew, with all that rules connect with it; what chance does not mend is repaired."""
        values = dict(config)

        def choose(parameter: Parameter) -> JsonValue:
            if parameter.name not in values:
                values[parameter.name] = parameter.draw(rng)
            return values[parameter.name]

        for _ in range(_REDRAWS):
            broken = self.broken(config)
            if not broken:
                return config
            if any(self.beyond_chance(rule) for rule in broken):
                break
            for name in self.connected(broken):
                values.pop(name, None)
            config = self.assembled(choose)
        return self.repaired(config, choose)

    def connected(self, rules: Sequence[Rule]) -> frozenset[str]:
        """The parameters that these rules name, and those that other rules connect with them."""
        groups = [self.groups[rule.constraint.text] for rule in rules]
        return groups[0] if len(groups) == 1 else frozenset().union(*groups)

    def beyond_chance(self, rule: Rule) -> bool:
        """Whether it is an equation between real numbers, which no draw satisfies."""
        names = [variable.partition("[")[0] for law in rule.laws if law.equal for variable in law.variables]
        return any(isinstance(self.by_name.get(name), Float) for name in names)

    def repaired(self, config: Config, choose: Choose) -> Config:
        """A member near `config`, which `choose` completes where repairs activate parameters."""
        mends: Config = {}

        def mended_or_chosen(parameter: Parameter) -> JsonValue:
            return mends[parameter.name] if parameter.name in mends else choose(parameter)

        for _ in range(_ROUNDS):
            applying = [rule for rule in self.rules if rule.applies(config)]
            found = mended(config, applying, self.by_name)
            if found is None:
                break
            mends.update(found)
            config = self.assembled(mended_or_chosen)
            if not self.broken(config):
                return config
        return self._towards_anchor(choose)

    def _towards_anchor(self, choose: Choose) -> Config:
        for stride in range(1, _STRIDES + 1):
            config = self.assembled(lambda p, share=stride / _STRIDES: self._between(p, choose(p), share))  # type: ignore[misc]  # bound early
            if not self.broken(config):
                return config
        raise SearchSpaceError("no configuration was found that keeps the constraints", "widen a range")

    def _between(self, parameter: Parameter, value: JsonValue, share: float) -> JsonValue:
        if isinstance(parameter, Fixed | Text) or share == 1.0:
            return fresh(self.anchor.get(parameter.name, value))
        ends = zip(parameter.place(value), parameter.place(self.anchor[parameter.name]), strict=True)
        return parameter.at([(1.0 - share) * start + share * end for start, end in ends])


def _groups(rules: Sequence[Rule], by_name: Mapping[str, Parameter]) -> dict[str, frozenset[str]]:
    """For each rule's text, the parameters that can vary and are connected with it by this and other rules."""
    leader: dict[str, str] = {}

    def find(name: str) -> str:
        while leader.setdefault(name, name) != name:
            name = leader[name]
        return name

    varying = {rule.constraint.text: [n for n in rule.names if not isinstance(by_name[n], Fixed)] for rule in rules}
    for names in varying.values():
        for name in names[1:]:
            leader[find(name)] = find(names[0])
    members: dict[str, set[str]] = {}
    for name in leader | {n: n for names in varying.values() for n in names}:
        members.setdefault(find(name), set()).add(name)
    return {text: frozenset(members[find(names[0])] if names else ()) for text, names in varying.items()}

"""DEHB: hyperband whose brackets evolve one population a budget."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count, islice
from random import Random
from typing import NamedTuple

from tao_automl.domain.dice import rng_for
from tao_automl.domain.json_types import JsonObject
from tao_automl.domain.problem import Problem
from tao_automl.domain.trial import Decision, Origin, Start, Trial
from tao_automl.search.evolution import Place, crossover, mutant, parents
from tao_automl.search.hyperband import Bracket, promotions, schedule
from tao_automl.search.proposals import Draws, one_by_one, uniform
from tao_automl.search.rungs import rungs_of
from tao_automl.search.settings import REDUCTION_FACTOR, check_at_least, check_between, fidelity_of
from tao_automl.search.tpe import encode

CROSSOVER_TRIES = 8  # offspring that may be a configuration that was tried before

"""The kinds of parameter. None can be constructed invalid: a parameter that exists has a default inside its range.

Each kind knows its own value type and its place in the unit cube. Kinds form the closed union `Parameter`; whoever
must tell them apart matches over it and ends with ``assert_never``.
"""

from typing import TypeAlias

from tao_automl.domain.axes import AxisKind, Strength, UnitAxis
from tao_automl.domain.conditions import Condition
from tao_automl.domain.derived import Derived
from tao_automl.domain.fixed import Fixed
from tao_automl.domain.floats import Float
from tao_automl.domain.ints import Int
from tao_automl.domain.lists import Monotone, Vector
from tao_automl.domain.numeric import Prior
from tao_automl.domain.optional import Optional
from tao_automl.domain.options import Bool, Choice
from tao_automl.domain.scales import Scale
from tao_automl.domain.subset import Subset
from tao_automl.domain.text import Text

__all__ = [
    "AxisKind",
    "Bool",
    "Choice",
    "Condition",
    "Derived",
    "Fixed",
    "Float",
    "Int",
    "Monotone",
    "Optional",
    "Parameter",
    "Prior",
    "Scale",
    "Strength",
    "Subset",
    "Text",
    "UnitAxis",
    "Vector",
]

Parameter: TypeAlias = Float | Int | Bool | Choice | Vector | Subset | Optional | Text | Derived | Fixed

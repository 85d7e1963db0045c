"""Points of the unit cube as rows of features, which distances are taken of."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from tao_automl.domain.axes import AxisKind
from tao_automl.domain.space import SearchSpace

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[np.float64]
else:
    Array = Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """How points become rows of features: a categorical axis is spread over one column an option.

    Attributes:
        groups: (features,), the axis that each column belongs to.
        categorical: axis and number of options, of each categorical axis.
        ordered: the other axes.
    """

    groups: Array
    categorical: tuple[tuple[int, int], ...]
    ordered: tuple[int, ...]

    @classmethod
    def of(cls, space: SearchSpace) -> "Features":
        import numpy as np

        categorical = tuple((a.index, a.cells) for a in space.axes if a.kind is AxisKind.CATEGORICAL and a.cells)
        ordered = tuple(a.index for a in space.axes if a.kind is not AxisKind.CATEGORICAL)
        columns = [axis for axis, cells in categorical for _ in range(cells)]
        return cls(groups=np.array([*ordered, *columns], dtype=int), categorical=categorical, ordered=ordered)

    def rows(self, points: Array) -> Array:
        """(n, features). Two options are at a distance of 1 from each other, whichever they are."""
        import numpy as np

        columns = [points[:, self.ordered]]
        for axis, cells in self.categorical:
            codes = np.floor(points[:, axis] * cells)
            columns.append((codes[:, None] == np.arange(cells)) * np.sqrt(0.5))
        return np.concatenate(columns, axis=1)

"""Where a learning curve is going: the chance that more training makes a trial better than its rivals."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tao_automl.domain.ranking import front
from tao_automl.domain.trial import Score, Trial

POWERS = (0.25, 0.5, 1.0, 2.0)
LEAST_POINTS = 4  # a power law has three parameters
_NOISE = 1e-3  # the least standard deviation, as a share of the curve's range


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """A normal distribution of the cost after more training, and how likely the curve it comes from is."""

    mean: float
    deviation: float
    log_weight: float

    def exceeds(self, cost: float) -> float:
        """The probability of a worse cost than `cost`."""
        return 0.5 * math.erfc((cost - self.mean) / (self.deviation * math.sqrt(2)))


def forecasts(budgets: Sequence[int], costs: Sequence[float], until: int) -> Iterator[Forecast]:
    """The cost after `until` units by power laws ``c + a * budget**-p`` (one of the families of Domhan et al., IJCAI
    2015), each fitted by least squares; its weight is the likelihood of the points under it."""
    spread = max(costs) - min(costs)
    for power in POWERS:
        bases = [budget**-power for budget in budgets]
        yield _line(bases, costs, float(until) ** -power, _NOISE * spread + 1e-12)


def _line(xs: Sequence[float], ys: Sequence[float], at: float, least: float) -> Forecast:
    """The prediction of a least-squares line at one place, with its standard error."""
    count = len(xs)
    mean_x, mean_y = sum(xs) / count, sum(ys) / count
    var_x = sum((x - mean_x) ** 2 for x in xs)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True)) / var_x
    rest = sum((y - mean_y - slope * (x - mean_x)) ** 2 for x, y in zip(xs, ys, strict=True))
    variance = rest / (count - 2) + least**2
    error = variance * (1 + 1 / count + (at - mean_x) ** 2 / var_x)
    mean = mean_y + slope * (at - mean_x)
    return Forecast(mean=mean, deviation=math.sqrt(error), log_weight=-0.5 * count * math.log(variance))


def chance(trial: Trial, rivals: Sequence[Score], until: int) -> float:
    """The probability that the trial, trained up to `until`, is not dominated by any one of the rivals.

    It is 1 where there are too few points to tell, or no rivals. With several objectives each curve is continued by
    itself. Of one objective it is the probability of a cost at most that of the best rival.
    """
    if len(trial.scores) < LEAST_POINTS or not rivals:
        return 1.0
    best = [_costs(rivals[place]) for place in front(rivals)]
    curves = list(zip(*(_costs(score) for score in trial.scores.values()), strict=True))
    futures = [list(forecasts(list(trial.scores), curve, until)) for curve in curves]
    return min(
        1 - math.prod(_exceeds(future, cost) for future, cost in zip(futures, rival, strict=True)) for rival in best
    )


def _costs(score: Score) -> tuple[float, ...]:
    return score.costs or (score.cost,)


def _exceeds(future: Sequence[Forecast], cost: float) -> float:
    """The same for the mixture of all forecasts."""
    top = max(forecast.log_weight for forecast in future)
    weights = [math.exp(forecast.log_weight - top) for forecast in future]
    shares = (weight * forecast.exceeds(cost) for weight, forecast in zip(weights, future, strict=True))
    return min(1.0, sum(shares) / sum(weights))

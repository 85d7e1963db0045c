import random

from hypothesis import given, settings
from hypothesis import strategies as st
from space_strategies import constrained_spaces

from tao_automl.domain.conditions import same_json
from tao_automl.errors import SearchSpaceError

seeds = st.integers(0, 2**32)


def made(build):
    """The space, or None if the generated constraints contradict each other."""
    try:
        return build()
    except SearchSpaceError:
        return None


@settings(max_examples=150)
@given(st.data(), seeds)
def test_whatever_comes_out_keeps_the_constraints(data, seed):
    try:
        space = data.draw(constrained_spaces())
    except SearchSpaceError as error:
        assert "`" in error.message  # noqa: PT017  # whether it is refused depends on what was drawn
        return
    rng = random.Random(seed)
    point = [rng.random() for _ in range(space.dimension)]
    members = [space.default(), space.sample(rng), *space.sample_many(rng, 5), space.decode(point)]
    members += [space.repair(space.sample(rng)), *list(space.grid(2))[:5]]
    for config in members:
        assert space.validate(config) == ()
        assert all(constraint.holds(config) for constraint in space.constraints)
        assert same_json(space.decode(space.encode(config)), config)
        assert same_json(space.repair(config), config)
        assert same_json(space.cast(config), config)

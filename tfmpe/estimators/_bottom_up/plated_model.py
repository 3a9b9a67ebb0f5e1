"""Functions of a model, for any sizes of its plates."""

from collections.abc import Callable, Mapping
from typing import NamedTuple, SupportsIndex

import jax

from tfmpe._base.errors import raise_faults
from tfmpe._base.trees import flatten_tree, own_copy
from tfmpe.estimators._bottom_up.plates import Plates
from tfmpe.estimators._bottom_up.synthesis import full_tokens
from tfmpe.estimators._bottom_up.truncation import TruncatedPrior
from tfmpe.estimators._types import ArrayTree, PerKey, PRNGKey, Rules
from tfmpe.preprocessing import TokenLayout, Tokens, generate_static_dataset

_BATCH_SIZE = 1000


class PlatedModel(NamedTuple):
    """The functions of a model, and its plates; see :func:`train_bottom_up`."""

    prior_fn: Callable[..., ArrayTree]
    simulator_fn: Callable[..., ArrayTree]
    functional_input_fn: Callable[..., ArrayTree] | None
    independence: Rules
    batch_ndims: PerKey
    labels: Mapping[str, SupportsIndex] | None
    plates: Plates

    def names(self, key: PRNGKey) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the keys of parameters and of observations."""
        for sizes in (self.plates.one_unit, self.plates.sizes):
            tree = self.prior_fn(key, 2, dict(sizes))
            self.plates.check(tree, sizes, "prior_fn", self.batch_ndims)
        parameters = tuple(leaf.name for leaf in flatten_tree(tree, "prior_fn"))
        observations = tuple(
            name for name in self.plates.axes if name not in parameters
        )
        return parameters, observations

    def simulate(
        self,
        key: PRNGKey,
        n: int,
        observations: tuple[str, ...],
        prior: Callable[[PRNGKey, int], ArrayTree],
        batch_size: int | None = None,
        progress: bool = False,
    ) -> Tokens:
        """Simulate one unit of every plate."""

        def simulator(
            key: PRNGKey, parameters: ArrayTree, *inputs: ArrayTree
        ) -> ArrayTree:
            tree = self.simulator_fn(key, parameters, *inputs)
            check = self.plates.check
            check(tree, self.plates.one_unit, "simulator_fn", self.batch_ndims)
            found = [leaf.name for leaf in flatten_tree(tree, "simulator_fn")]
            raise_faults(
                ValueError,
                "plates has keys that no function returns",
                [
                    f"{name!r} is returned neither by prior_fn nor by "
                    f"simulator_fn, which returns {found}"
                    for name in observations
                    if name not in found
                ],
            )
            return tree

        # The last batch is simulated in full: equal batches waste least.
        n_batches = -(-n // (batch_size or _BATCH_SIZE))
        return generate_static_dataset(
            key,
            prior,
            simulator,
            self.functional_input_fn,
            self.independence,
            n,
            batch_size=-(-n // n_batches),
            batch_ndims=self.batch_ndims,
            labels=self.labels,
            # The box selects draws by value, which is unknown in a trace.
            jit=False,
            progress=progress,
        )

    def draw_full(
        self, key: PRNGKey, n: int, one: TokenLayout, prior: TruncatedPrior
    ) -> Tokens:
        """Draw parameters of all units; observations hold 0.

        ``one`` is the layout of one unit.
        """
        prior_key, inputs_key = jax.random.split(key)
        parameters = prior(prior_key, n)
        inputs = None
        if self.functional_input_fn is not None:
            inputs = self.functional_input_fn(inputs_key, own_copy(parameters))
        return full_tokens(parameters, inputs, one, self.plates, n, "prior_fn")

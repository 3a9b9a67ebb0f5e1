"""Generator of batches of Tokens, each simulated when it is asked for."""

import copy
import operator
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, SupportsIndex

import jax

from tfmpe._base.arrays import PRNGKey
from tfmpe._base.keys import is_key
from tfmpe._base.progress import advance, progress_bar
from tfmpe._base.static import positive, static_int
from tfmpe._base.trees import Tree
from tfmpe.preprocessing.tokens.tokens import Tokens

from .simulation import Simulation, check_functions, compiled

_WORD = 2**32


class TokenGenerator:
    """Batches of simulations as Tokens, each made when it is asked for.

    Parameters
    ----------
    prior_fn : callable, distribution, or dict of these
        ``prior_fn(key, n)`` returns a dictionary of ``n`` parameter samples,
        each array of shape ``(n, *event, *batch)``. Or an object with the
        method ``sample(n, seed=key)``, as in TensorFlow Probability (joint
        distributions included), or ``sample(key, (n,))``, as in NumPyro. Or a
        dictionary of these, one for every parameter.
    simulator_fn : callable
        ``simulator_fn(key, parameters)``, or with ``functional_input_fn``
        ``simulator_fn(key, parameters, functional_inputs)``, returns a
        dictionary of observations, each of shape ``(n, *event, *batch)``.
    functional_input_fn : callable or None
        ``functional_input_fn(key, parameters)`` returns the functional
        inputs of some or all keys, once for all samples or once per sample.
    independence, batch_ndims, labels, dims, groups, positions
        See :meth:`Tokens.from_pytree`. The simulator does not get positions.
    n_samples : int
        Number of simulations in one pass over the batches.
    batch_size : int
        Simulations in a batch; the last batch may have fewer.
    seed : int or key array
        Source of all random numbers. All bits of an integer count.
    drop_remainder : bool
        Leave the last batch out if it is not full.
    jit : bool, optional
        Whether to compile. By default whatever can be traced is compiled,
        and plain Python or NumPy simulators are called as they are.

    Raises
    ------
    ValueError
        If a number is not positive, ``seed`` is negative, or no batch is full
        with ``drop_remainder``; on the first batch, if arrays do not match.
    TypeError
        If a function does not accept its arguments; on the first batch, if it
        does not return a dictionary.

    Warns
    -----
    IrreproducibleWarning
        If a function that can be traced draws numbers without its key.

    Notes
    -----
    Batch ``i`` depends on ``jax.random.fold_in(jax.random.key(seed), i)``
    only: ``generator[i]`` is the same in any order and process, for any
    ``n_samples``. All batches share one compilation: a last batch that is not
    full is cut after simulation. Batches are not kept. The generator is a data
    source, such as for ``grain.MapDataset.source(generator)``.

    Examples
    --------
    >>> import jax
    >>> def prior(key, n):
    ...     return {"mu": jax.random.normal(key, (n, 1, 1))}
    >>> def simulator(key, parameters):
    ...     mu = parameters["mu"]
    ...     return {"obs": mu + jax.random.normal(key, mu.shape)}
    >>> generator = TokenGenerator(prior, simulator, None, {}, 10, 4, seed=0)
    >>> [batch.sample_shape for batch in generator]
    [(4,), (4,), (2,)]
    """

    def __init__(
        self,
        prior_fn: Any,
        simulator_fn: Callable[..., Tree],
        functional_input_fn: Callable[..., Tree] | None,
        independence: object,
        n_samples: object,
        batch_size: object,
        seed: object,
        *,
        batch_ndims: Tree = None,
        labels: Mapping[str, SupportsIndex] | None = None,
        dims: Tree = None,
        groups: Tree = None,
        positions: Tree = None,
        drop_remainder: bool = False,
        jit: bool | None = None,
    ) -> None:
        options = {
            "batch_ndims": batch_ndims,
            "labels": labels,
            "dims": dims,
            "groups": groups,
            "positions": positions,
        }
        check_functions(prior_fn, simulator_fn, functional_input_fn)
        self._simulation = Simulation(
            prior_fn, simulator_fn, functional_input_fn, independence, options
        )
        self.n_samples = positive(n_samples, "n_samples")
        self.batch_size = positive(batch_size, "batch_size")
        if drop_remainder:
            self.n_samples -= self.n_samples % self.batch_size
        if not self.n_samples:
            raise ValueError(
                f"With drop_remainder there is no batch: batch_size is "
                f"{self.batch_size}, but there are only {n_samples} samples. "
                "Use a smaller batch_size."
            )
        self.key = _as_key(seed)
        self._jit = jit
        # Shared with the generators that ``reseeded`` returns.
        self._programs: dict[str, Callable[[PRNGKey], Tokens]] = {}

    def reseeded(self, n_samples: object, seed: object) -> "TokenGenerator":
        """Return a generator of other simulations, without compiling again.

        Parameters
        ----------
        n_samples, seed
            See :class:`TokenGenerator`.
        """
        other = copy.copy(self)
        other.n_samples = positive(n_samples, "n_samples")
        other.key = _as_key(seed)
        # Assigned again, because copying calls ``__getstate__``.
        other._programs = self._programs
        return other

    def __repr__(self) -> str:
        return (
            f"TokenGenerator({len(self)} batches of {self.batch_size}, "
            f"{self.n_samples} samples)"
        )

    def __len__(self) -> int:
        """Return the number of batches."""
        return -(-self.n_samples // self.batch_size)

    def __getitem__(self, index: SupportsIndex) -> Tokens:
        """Simulate one batch; raise an IndexError if it does not exist."""
        i = operator.index(index)
        if not -len(self) <= i < len(self):
            raise IndexError(
                f"There is no batch {i}: the generator has {len(self)}."
            )
        i %= len(self)
        tokens = self._batch(jax.random.fold_in(self.key, i))
        missing = self.n_samples - i * self.batch_size
        if missing >= self.batch_size:
            return tokens
        return jax.tree.map(lambda leaf: leaf[:missing], tokens)

    def __iter__(self) -> Iterator[Tokens]:
        """Simulate all batches, one after the other."""
        return self.batches()

    def batches(
        self,
        start: int = 0,
        stop: int | None = None,
        step: int = 1,
        *,
        progress: bool = False,
        prefetch: int = 0,
        device: Any = None,
    ) -> Iterator[Tokens]:
        """Simulate some batches.

        Parameters
        ----------
        start, stop, step : int
            Which batches, as in ``range``: ``start`` resumes an interrupted
            pass, ``start=rank, step=n_processes`` divides one among processes.
        progress : bool
            Show a progress bar (tqdm, extra ``data``).
        prefetch : int
            Number of batches that a thread simulates in advance and keeps in
            memory.
        device : JAX Device or Sharding, optional
            Where to put the batches.

        Yields
        ------
        Tokens
        """
        indices = range(len(self))[start:stop:step]
        return self._run(indices, progress, prefetch, device)

    def epochs(
        self,
        n: int,
        *,
        progress: bool = False,
        prefetch: int = 0,
        device: Any = None,
    ) -> Iterator[Tokens]:
        """Go through all batches ``n`` times; every pass has the same batches.

        See :meth:`batches` for the parameters and the result.
        """
        indices = [*range(len(self))] * n
        return self._run(indices, progress, prefetch, device)

    def _run(
        self, indices: Sequence[int], progress: bool, prefetch: int, device: Any
    ) -> Iterator[Tokens]:
        def load(i: int) -> Tokens:
            batch = self[i]
            return batch if device is None else jax.device_put(batch, device)

        ahead = partial(_ahead, n_ahead=prefetch) if prefetch else map
        compiles = not self._programs and self._jit is not False
        label = "compiling" if compiles else "simulating"
        with progress_bar(progress, len(indices), "batch", label) as bar:
            for batch in ahead(load, indices):
                advance(bar, "simulating", batch)
                yield batch

    def _batch(self, key: PRNGKey) -> Tokens:
        if not self._programs:
            self._programs["simulate"] = compiled(
                partial(self._simulation, n_samples=self.batch_size),
                key,
                self._jit,
            )
        return self._programs["simulate"](key)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the compiled program: another process compiles its own."""
        return {**self.__dict__, "_programs": {}}


def _ahead(
    load: Callable[[int], Tokens], indices: Iterable[int], n_ahead: int
) -> Iterator[Tokens]:
    """Load batches in a thread, at most ``n_ahead`` in advance."""
    with ThreadPoolExecutor(1) as thread:
        waiting: deque[Future[Tokens]] = deque()
        for i in indices:
            waiting.append(thread.submit(load, i))
            if len(waiting) > n_ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _as_key(seed: object) -> PRNGKey:
    if isinstance(seed, jax.Array) and (is_key(seed) or seed.ndim):
        return seed
    number = static_int(seed, "seed, unless jax.random.key(0) or the like,")
    if number < 0:
        raise ValueError(f"seed is {number}, expected 0 or more.")
    key = jax.random.key(number % _WORD)
    # Without x64 JAX looks at the lowest 32 bits only.
    while number := number // _WORD:
        key = jax.random.fold_in(key, number % _WORD)
    return key

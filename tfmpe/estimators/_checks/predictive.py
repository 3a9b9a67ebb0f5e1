"""Posterior predictive checks: data simulated from posterior draws."""

import inspect
from collections.abc import Callable, Iterable
from typing import Any, SupportsIndex

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Num

from tfmpe._base.arrays import as_array, moves_arrays, on_device
from tfmpe._base.keys import takes_key
from tfmpe._base.narrowing import check_fits
from tfmpe._base.progress import advance, progress_bar
from tfmpe._base.static import positive
from tfmpe._base.trees import Leaf, flatten_tree, own_copy, unflatten_tree
from tfmpe.estimators._arguments import own_tokens
from tfmpe.estimators._checks.predictive_result import PosteriorPredictive
from tfmpe.estimators._conditionals import read_conditional, remembered_by
from tfmpe.estimators._types import (
    AnyArray,
    AnyTokens,
    ArrayTree,
    PRNGKey,
    Sampler,
)
from tfmpe.preprocessing import Tokens, TokenView
from tfmpe.preprocessing.tokens.finite import check_known
from tfmpe.preprocessing.tokens.functional_inputs import decode_inputs
from tfmpe.preprocessing.tokens.observed import check_no_more

MIN_DRAWS = 20
"""Fewer draws have no 90% interval."""


@moves_arrays
@takes_key
def posterior_predictive(
    estimator: Sampler,
    tokens: AnyTokens | ArrayTree,
    target_keys: Iterable[str] | None = None,
    conditioning_keys: Iterable[str] | None = None,
    simulator_fn: Callable[..., Any] | None = None,
    *,
    key: PRNGKey,
    n_samples: SupportsIndex = 200,
    parameter_keys: Iterable[str] = (),
    functional_inputs: ArrayTree | None = None,
    groups: ArrayTree | None = None,
    batch_size: SupportsIndex | None = None,
    progress: bool = False,
    **options: Any,
) -> PosteriorPredictive:
    """Draw parameters given observed data, and simulate data from them.

    Parameters
    ----------
    estimator : FlowMatchingEstimator
        Or another object with the same ``sample`` method.
    tokens : Tokens, TokenView, or dictionary of observed values
        The observed data: one set, or several along the sample axes.
    target_keys, conditioning_keys
        The parameters to draw, and the given keys; by default the keys that the
        estimator was trained for. If only ``target_keys`` are given, all other
        keys are conditioning keys.
    simulator_fn
        Called as ``simulator_fn(key, parameters)``, or as ``simulator_fn(key,
        parameters, functional_inputs)`` if it takes three arguments and there
        are inputs; by default the simulator of ``estimator.model``. See
        :class:`TokenGenerator`. The first axis of all arrays counts the draws.
    key
        PRNG key. ``estimator.sample`` draws the parameters with
        ``jax.random.split(key)[0]``.
    n_samples
        Draws for each set, at least 20.
    parameter_keys
        Conditioning keys that the simulator needs as well, unchanged.
    functional_inputs, groups
        Passed to ``estimator.condition`` with a dictionary of observed values.
        With Tokens, the inputs are passed to the simulator unchanged; by
        default, it gets those of the Tokens, repeated for every draw, ``(n,
        *event, n_inputs)``.
    batch_size
        Number of draws, over all sets, to make and simulate at a time; all by
        default. The simulated values depend on it.
    progress
        Show a progress bar of the draws, and one of the simulations (tqdm,
        extra ``data``).
    **options
        Passed to ``estimator.sample``, such as ``solver``.

    Returns
    -------
    PosteriorPredictive

    Raises
    ------
    UnknownKeyError
        If a key does not exist.
    ValueError
        If a number is too small, the simulator's arrays do not fit the tokens,
        none of these arrays was observed, or an array contains NaN.
    TypeError
        If ``tokens`` are of another type, or the simulator does not return a
        dictionary.

    Notes
    -----
    Not for use inside ``jit``. In place of padding, the simulator gets the
    values of the first token of the same key that is not padding, so that it
    computes with valid numbers; its results for padding are ignored.

    Source: Rubin, 1984; Gelman et al., 1996 (posterior predictive checks).

    Examples
    --------
    >>> import jax
    >>> from tfmpe import Tokens
    >>> tokens = Tokens.from_pytree(
    ...     {"mu": jnp.zeros((1, 1, 1)), "obs": jnp.ones((1, 3, 1))}, {}
    ... )
    >>> class Exact:
    ...     def sample(self, tokens, target, given, *, key, n_samples):
    ...         mean = tokens.select_tokens(["obs"]).data.sum(-2) / 4
    ...         noise = jax.random.normal(key, (n_samples, *mean.shape))
    ...         target = tokens.select_tokens(["mu"]).to_tokens()
    ...         return Tokens((mean + noise / 2)[..., None], target.layout)
    >>> def simulator(key, parameters):
    ...     noise = jax.random.normal(key, (len(parameters["mu"]), 3, 1))
    ...     return {"obs": parameters["mu"] + noise}
    >>> predicted = posterior_predictive(
    ...     Exact(), tokens, ["mu"], ["obs"], simulator, key=jax.random.key(0)
    ... )
    >>> predicted.simulated["obs"].shape
    (200, 1, 3, 1)
    >>> predicted.share_inside(0.9)
    {'obs': 1.0}
    """
    condition = getattr(estimator, "condition", None)
    if not isinstance(tokens, (Tokens, TokenView)) and condition is not None:
        tokens = condition(
            tokens, functional_inputs=functional_inputs, groups=groups
        )
        functional_inputs = None
    else:
        check_no_more(groups=groups)
    tokens = own_tokens(tokens, "posterior_predictive")
    keys = read_conditional(
        tokens.layout, target_keys, conditioning_keys, remembered_by(estimator)
    )
    simulate = simulator_fn or _simulator_of(estimator, tokens)
    n_samples = positive(n_samples, "n_samples", MIN_DRAWS)
    if batch_size is not None:
        batch_size = positive(batch_size, "batch_size")
        options = {**options, "batch_size": batch_size}
    if progress:
        options = {**options, "progress": True}
    given = tokens.select_tokens(parameter_keys)
    draw_key, simulator_key = jax.random.split(key)
    draws = estimator.sample(
        tokens, *keys, key=draw_key, n_samples=n_samples, **options
    )
    known = tokens.select_tokens((*keys.target, *given.selected_keys))
    values = np.concatenate(
        [draws.data, _repeated(given.data, n_samples)], axis=-2
    )
    parameters = known.decode(_rows(values, known))
    simulated = _simulate(
        simulate,
        simulator_key,
        flatten_tree(parameters, "parameters"),
        _further_arguments(simulate, tokens, functional_inputs, n_samples),
        batch_size,
        progress,
    )
    observed = _observed(tokens, known.selected_keys, simulated)
    check_known(observed, "Observed values")
    sample_shape = (n_samples, *tokens.sample_shape)
    made = [
        array.reshape((*sample_shape, *array.shape[1:]))
        for array in (_as_observed(leaf, observed) for leaf in simulated)
    ]
    predictive = PosteriorPredictive(
        draws, unflatten_tree(simulated, made), observed
    )
    predictive.check_finite()
    return predictive


def _simulator_of(estimator: Sampler, tokens: Tokens) -> Callable[..., Any]:
    """Return the simulator of the model that an estimator was trained on."""
    model = getattr(estimator, "model", None)
    if model is None:
        raise TypeError(
            "posterior_predictive found no simulator, because the estimator "
            "was not trained on a Model. Pass simulator_fn=."
        )
    model.check_arguments(tokens)
    return model.simulator_fn


def _as_observed(leaf: Leaf, observed: Tokens) -> np.ndarray:
    """Return simulated floats in the dtype of the observed ones.

    Without this, equal values would differ by rounding.
    """
    dtype = observed.data.dtype
    floats = jnp.issubdtype(dtype, jnp.floating)
    if not floats or leaf.name not in observed.layout:
        return leaf.value
    check_fits(leaf.value, dtype, f"The simulated {leaf.name!r}")
    return leaf.value.astype(dtype)


def _repeated(
    array: Num[AnyArray, "*shape"], n_samples: int
) -> Num[np.ndarray, " {n_samples} *shape"]:
    return np.broadcast_to(array, (n_samples, *array.shape))


def _rows(
    values: Num[np.ndarray, "draws *sample tokens columns"], tokens: AnyTokens
) -> Num[np.ndarray, "n tokens columns"]:
    """Return a row per draw; padding gets the values of a used token."""
    if tokens.padding is not None:
        filled = np.array(values)
        for key in tokens.layout.keys:
            real = np.asarray(tokens.padding)[..., key.block]
            if key.n_tokens:
                first = real.argmax(-1)[..., None]
                source = np.where(real, np.arange(key.n_tokens), first)
                filled[..., key.block, :] = np.take_along_axis(
                    values[..., key.block, :], source[None, ..., None], axis=-2
                )
        values = filled
    return values.reshape((-1, *values.shape[-2:]))


def _further_arguments(
    simulator_fn: Callable[..., Any],
    tokens: Tokens,
    functional_inputs: ArrayTree | None,
    n_samples: int,
) -> Callable[[slice], tuple[ArrayTree, ...]]:
    """Return further arguments of the simulator as a function of the draws."""
    if functional_inputs is not None:
        return lambda rows: (own_copy(functional_inputs),)
    if tokens.functional_inputs is None or not _takes_inputs(simulator_fn):
        return lambda rows: ()
    inputs = _rows(_repeated(tokens.functional_inputs, n_samples), tokens)
    tree = decode_inputs(inputs, tokens.layout)
    leaves = flatten_tree(tree, "functional_inputs")
    return lambda rows: (_tree(leaves, rows),)


def _takes_inputs(simulator_fn: Callable[..., Any]) -> bool:
    """Return whether a simulator has a third argument.

    Tokens with ``positions`` have inputs that a simulator need not take.
    """
    try:
        inspect.signature(simulator_fn).bind("key", "parameters", "inputs")
    except ValueError:
        return True  # Its arguments are not known.
    except TypeError:
        return False
    return True


def _simulate(
    simulator_fn: Callable[..., Any],
    key: PRNGKey,
    parameters: list[Leaf],
    further: Callable[[slice], tuple[ArrayTree, ...]],
    batch_size: int | None,
    progress: bool,
) -> list[Leaf]:
    """Simulate batches of draws; return the arrays of all draws."""
    n = len(parameters[0].value)
    size = n if batch_size is None else batch_size
    parts = []
    with progress_bar(progress, n, "draw", "simulating") as bar:
        for number, start in enumerate(range(0, n, size)):
            rows = slice(start, min(start + size, n))
            made = simulator_fn(
                jax.random.fold_in(key, number),
                _tree(parameters, rows),
                *further(rows),
            )
            parts.append(_read(made, rows.stop - start))
            advance(bar, "simulating", n=rows.stop - start)
    return [
        same[0]._replace(value=np.concatenate([leaf.value for leaf in same]))
        for same in zip(*parts, strict=True)
    ]


def _tree(leaves: list[Leaf], rows: slice) -> ArrayTree:
    """Return JAX arrays of some draws, for a simulator."""
    return unflatten_tree(
        leaves, [on_device(leaf.value[rows]) for leaf in leaves]
    )


def _read(made: Any, n: int) -> list[Leaf]:
    """Return the result of a simulator as NumPy arrays."""
    if hasattr(made, "_asdict"):  # A joint distribution's named tuple
        made = made._asdict()
    leaves = flatten_tree(made, "The result of simulator_fn")
    for leaf in leaves:
        if np.shape(leaf.value)[:1] != (n,):
            raise ValueError(
                f"simulator_fn returned {leaf.name!r} of shape "
                f"{np.shape(leaf.value)} for {n} draws. The first axis of "
                "every array counts the draws."
            )
    # Copies, because a simulator may reuse its arrays for the next draws.
    return [
        leaf._replace(value=np.array(as_array(leaf.value, repr(leaf.name))))
        for leaf in leaves
    ]


def _observed(
    tokens: Tokens, known: tuple[str, ...], simulated: list[Leaf]
) -> Tokens:
    """Return the tokens of the keys that were simulated."""
    layout = tokens.layout
    names = [name for name in layout.names if name not in known]
    found = [leaf for leaf in simulated if leaf.name in names]
    if not found:
        raise ValueError(
            f"simulator_fn returned {[leaf.name for leaf in simulated]}, none "
            f"of which was observed. Return values of one or more of {names}."
        )
    for leaf in found:
        entry = layout[leaf.name]
        expected = (*entry.event_shape, *entry.batch_shape)
        if leaf.value.shape[1:] != expected:
            raise ValueError(
                f"simulator_fn returned {leaf.name!r} of shape "
                f"{leaf.value.shape[1:]} for each draw, but the observed "
                f"array has shape {expected}."
            )
    return tokens.select_tokens([leaf.name for leaf in found]).to_tokens()

"""Simulation-based calibration: ranks of true values among draws."""

from collections.abc import Iterable
from typing import Any, SupportsIndex

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Num

from tfmpe._base.arrays import (
    flatten_samples,
    moves_arrays,
    on_device,
    take_rows,
)
from tfmpe._base.keys import takes_key
from tfmpe._base.programs import compiled
from tfmpe._base.progress import advance, progress_bar
from tfmpe._base.static import positive
from tfmpe.estimators._arguments import own_tokens
from tfmpe.estimators._checks.calibration_result import CalibrationRanks
from tfmpe.estimators._checks.uniformity import JOINT
from tfmpe.estimators._conditionals import read_conditional, remembered_by
from tfmpe.estimators._types import AnyArray, AnyTokens, PRNGKey, Sampler
from tfmpe.preprocessing import TokenLayout, Tokens
from tfmpe.preprocessing.tokens.finite import check_known

_TIES = np.uint32(2**32 - 1)

MIN_DRAWS = 9
"""Fewer draws give too few ranks to recognize their distribution."""


@moves_arrays
@takes_key
def calibration_ranks(
    estimator: Sampler,
    tokens: AnyTokens,
    target_keys: Iterable[str] | None = None,
    conditioning_keys: Iterable[str] | None = None,
    *,
    key: PRNGKey,
    n_samples: SupportsIndex = 99,
    batch_size: SupportsIndex | None = 4096,
    progress: bool = False,
    **options: Any,
) -> CalibrationRanks:
    """Rank the true target values of simulations among an estimator's draws.

    If the draws come from the correct distribution given the conditioning,
    a true value is equally likely to lie at any place among them.

    Parameters
    ----------
    estimator : FlowMatchingEstimator
        Or another object with the same ``sample`` method, which must work under
        ``vmap``.
    tokens : Tokens or TokenView, sample axes (*sample,)
        Simulations that the estimator was not trained on, with the true
        target values. Sample axes are flattened to one.
    target_keys, conditioning_keys
        The inferred keys and the given keys; by default the keys that the
        estimator was trained for. If only ``target_keys`` are given, all other
        keys are conditioning keys.
    key
        PRNG key. Simulation ``i`` depends only on ``fold_in(key, i)``, whatever
        ``batch_size`` is.
    n_samples
        Draws for every simulation, at least 9.
    batch_size
        Number of draws, over all simulations, in memory at a time; None for
        all.
    progress
        Show a progress bar of the simulations (tqdm, extra ``data``).
    **options
        Passed to ``estimator.sample``, such as ``solver``.

    Returns
    -------
    CalibrationRanks

    Raises
    ------
    UnknownKeyError
        If a key does not exist.
    ValueError
        If a number is too small, a key is called ``"(joint)"``, or a value
        is not finite.
    TypeError
        If ``tokens`` are of another type.

    Notes
    -----
    Not for use inside ``jit``. A correct posterior passes, but so does the
    prior: also compare standard deviations of draws. A true value that equals
    some draws, as discrete and constant values do, has a random rank among
    them.

    The mean of all values and their distance from the mean of the draws, in
    standard deviations of the draws, are ranked as well. These ranks are
    uniform for any dependence between the values, unless the draws miss it.

    Sources: Talts et al., 2018; Modrák et al., 2023 (what to rank).

    Examples
    --------
    An estimator that knows the posterior of a normal mean:

    >>> import jax
    >>> from tfmpe import Tokens
    >>> a, b, c = jax.random.split(jax.random.key(0), 3)
    >>> mu = jax.random.normal(a, (200, 1, 1))
    >>> obs = mu + jax.random.normal(b, (200, 3, 1))
    >>> tokens = Tokens.from_pytree({"mu": mu, "obs": obs}, {})
    >>> class Exact:
    ...     def sample(self, tokens, target, given, *, key, n_samples):
    ...         mean = tokens.select_tokens(["obs"]).data.sum(-2) / 4
    ...         noise = jax.random.normal(key, (n_samples, *mean.shape))
    ...         target = tokens.select_tokens(["mu"]).to_tokens()
    ...         return Tokens((mean + noise / 2)[..., None], target.layout)
    >>> ranks = calibration_ranks(Exact(), tokens, ["mu"], key=c)
    >>> ranks.ranks["mu"].shape
    (200, 1, 1)
    >>> ranks.uniformity().p_value > 0.05
    True
    """
    ranks, _ = ranks_and_draws(
        estimator,
        tokens,
        target_keys,
        conditioning_keys,
        key=key,
        n_samples=n_samples,
        batch_size=batch_size,
        progress=progress,
        keep_draws=False,
        **options,
    )
    return ranks


def ranks_and_draws(
    estimator: Sampler,
    tokens: AnyTokens,
    target_keys: Iterable[str] | None,
    conditioning_keys: Iterable[str] | None,
    *,
    key: PRNGKey,
    n_samples: SupportsIndex,
    batch_size: SupportsIndex | None,
    progress: bool,
    keep_draws: bool = True,
    **options: Any,
) -> tuple[CalibrationRanks, Num[np.ndarray, "n draws tokens width"] | None]:
    """Return the result of :func:`calibration_ranks`, and the draws."""
    tokens = own_tokens(tokens, "calibration_ranks")
    tokens = flatten_samples(tokens, len(tokens.sample_shape))
    keys = read_conditional(
        tokens.layout, target_keys, conditioning_keys, remembered_by(estimator)
    )
    n_samples = positive(n_samples, "n_samples", MIN_DRAWS)
    n = size = tokens.sample_shape[0]
    if batch_size is not None:
        at_a_time = positive(batch_size, "batch_size")
        size = min(n, max(1, at_a_time // n_samples))
        if at_a_time < n_samples:
            options = {**options, "batch_size": at_a_time}
    view = tokens.select_tokens(keys.target)
    names = list(groups_of(view.layout))
    check_known(view, "True values")
    check_known(tokens.select_tokens(keys.conditioning), "Conditioning values")

    def of_one(row: Tokens, number: Int[Array, ""]) -> tuple[Any, ...]:
        row_key = jax.random.fold_in(key, number)
        draws = estimator.sample(
            row, *keys, key=row_key, n_samples=n_samples, **options
        ).data
        # No draw has this number, so no draw has the same key.
        ranks = _rank_one(
            draws,
            row.select_tokens(keys.target).to_tokens(),
            jax.random.fold_in(row_key, _TIES),
        )
        return ranks, draws if keep_draws else None

    parts, kept = [], []
    with progress_bar(progress, n, "simulation") as bar:
        for start in range(0, n, size):
            # The last row is repeated, so that all parts have the same shape.
            rows = np.minimum(np.arange(start, start + size), n - 1)
            found = jax.vmap(of_one)(take_rows(tokens, rows), on_device(rows))
            ranks, draws = jax.device_get(found)
            parts.append(ranks)
            kept.append(draws)
            advance(bar, "ranking", n=min(size, n - start))
    ranks, finite, means, distances = (
        np.concatenate(arrays)[:n] for arrays in zip(*parts, strict=True)
    )
    real = np.asarray(view.value_mask)
    for entry in view.layout.keys:
        wrong = (real & ~finite)[:, entry.block].any((-2, -1))
        if wrong.any():
            raise ValueError(
                f"The draws of {entry.name!r} are not finite for "
                f"{wrong.sum()} of {n} simulations. Ranks need finite numbers."
            )
    result = CalibrationRanks(
        view.decode(ranks),
        view.decode(real),
        dict(zip(names, means.T, strict=True)),
        dict(zip(names, distances.T, strict=True)),
        n_samples,
    )
    return result, np.concatenate(kept)[:n] if keep_draws else None


def groups_of(layout: TokenLayout) -> dict[str, slice]:
    """Return the slice of tokens of each key, and of all keys together."""
    each = {key.name: key.block for key in layout.keys}
    if JOINT in each:
        raise ValueError(
            f"{JOINT!r} is the name of a key, but the result uses this name "
            "for all keys together. Rename the key."
        )
    return each | {JOINT: slice(None)}


@compiled()
def _rank_one(
    draws: Num[Array, "draws tokens width"], true: Tokens, key: PRNGKey
) -> tuple[Array, ...]:
    """Return ranks, whether draws are finite, and ranks of the groups.

    Mean and standard deviation are computed from draws and true values
    together, so that both are treated alike.
    """
    together = jnp.concatenate([draws, true.data[None]])
    # Squares of large values overflow in 32 bits, of small values underflow.
    extent = jnp.abs(together).max(0, keepdims=True)
    together = together / jnp.where(extent > 0, extent, 1)
    mean, scale = (f(0, keepdims=True) for f in (together.mean, together.std))
    away = (together - mean) / jnp.where(scale > 0, scale, 1)
    away = jnp.where(true.value_mask[None], away, 0)

    def ranks(
        values: Float[Array, "all tokens width"], key: PRNGKey
    ) -> Int[Array, " groups"]:
        blocks = groups_of(true.layout).values()
        sums = [values[:, block].sum((-2, -1)) for block in blocks]
        stacked = jnp.stack(sums, -1)
        return _rank_of(stacked[-1], stacked[:-1], key)

    keys = jax.random.split(key, 3)
    return (
        _rank_of(true.data, draws, keys[0]),
        jnp.isfinite(draws).all(0),
        ranks(away, keys[1]),
        ranks(away**2, keys[2]),
    )


def _rank_of(
    value: Num[AnyArray, "*shape"],
    others: Num[AnyArray, " n *shape"],
    key: PRNGKey,
) -> Int[Array, "*shape"]:
    """Return the rank of a value among others; ties are broken at random."""
    value = value[None]
    equal = (others == value).sum(0)
    among = jax.random.randint(key, equal.shape, 0, equal + 1)
    return (others < value).sum(0) + among

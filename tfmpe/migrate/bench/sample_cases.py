"""Drawing from a posterior, again and again.

The legacy calls compile anew every time and solve one equation per draw. The
same field, tolerances and base draws on the old side and the bridge; the core
draws with its own network of the same width and depth.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import numpy as np

from tfmpe import Tokens
from tfmpe.migrate.oracle.fields import FIELDS
from tfmpe.migrate.replay.oracle import load_oracle

from .agreement import NotEqualError
from .cases import Call, case, jitted
from .join_cases import as_tokens, legacy_flat
from .legacy import Legacy
from .models import THETA_KEYS, Y_KEYS, Size, seir

# Two solutions by adaptive methods of tolerance 1e-5, as for the stored
# calls: of a smooth field, and of a network with kinks (half of the values,
# and all).
SMOOTH = 5e-4
TYPICAL, LARGEST = 2e-3, 0.1
# What the solver may be off by, in units of what chance leaves in a mean of
# the draws.
SHARE_OF_CHANCE = 0.1


def _noise(size: Size) -> Any:
    return jax.random.normal(
        jax.random.key(0), (size.n_samples, size.n_theta, 1)
    )


def _check_smooth(side: str, result: Any, old: Any, size: Size) -> None:
    _check_difference(result, old, {"largest": (np.max, SMOOTH)})


def _check_difference(
    result: Any,
    old: Any,
    limits: dict[str, tuple[Callable[..., Any], float]],
) -> None:
    if np.shape(result) != np.shape(old):
        raise NotEqualError(
            f"draws: shape {np.shape(result)}, expected {np.shape(old)}"
        )
    difference = np.abs(np.asarray(result) - np.asarray(old))
    for what, (measure, limit) in limits.items():
        found = measure(difference)
        if not found <= limit:
            raise NotEqualError(
                f"draws: the {what} difference is {found:.2g}, expected at "
                f"most {limit:g}"
            )


@case(
    "nine-arguments",
    "StructuredCNF.sample, a field in closed form",
    sides=("old", "bridge"),
    check=_check_smooth,
    slow=True,
    n_samples=100,
    sites=(1, 10, 50, 100, 200),
    recorded=("StructuredCNF.sample",),
)
def _nine(side: str, size: Size, legacy: Legacy) -> Call:
    from tfmpe.compat.bridge import nine_arguments
    from tfmpe.compat.structured_cnf import StructuredCNF

    one = as_tokens(size._replace(n_samples=1), 0)
    # Copied to the device: what a legacy script would hold.
    arguments = nine_arguments(one, THETA_KEYS, Y_KEYS)
    given = {
        **arguments,
        "sample_size": size.n_samples,
        "theta_0": _noise(size),
    }
    field = FIELDS["closed_form_v1"]
    if side == "bridge":
        from flax import nnx

        return Call(
            partial(StructuredCNF(field, rngs=nnx.Rngs(0)).sample, **given)
        )
    return Call(partial(legacy.sample, field, **given))


def _check_draws(side: str, result: Any, old: Any, size: Size) -> None:
    if side == "new":
        _check_accuracy(result, size)
        return
    _check_difference(
        result,
        old,
        {"median": (np.median, TYPICAL), "largest": (np.max, LARGEST)},
    )


def _check_accuracy(draws: Any, size: Size) -> None:
    """Compare the means of draws with those of a tight solution."""
    exact = np.asarray(_core_draws(size, solver="dopri8", n_steps=16)())
    chance = exact.std(0) / np.sqrt(len(exact))
    off = (np.asarray(draws) - exact).mean(0) / chance
    found = float(np.sqrt(np.mean(off**2)))
    if not found <= SHARE_OF_CHANCE:
        raise NotEqualError(
            f"draws: means are off by {found:.2g} Monte-Carlo errors, "
            f"expected at most {SHARE_OF_CHANCE:g}"
        )


def core_draws(
    one: Tokens, network: Any, n: int, **options: Any
) -> Callable[[], Any]:
    """Prepare draws of the core's own flow, given one simulation."""
    from tfmpe.estimators import ContinuousFlow

    flow, key = ContinuousFlow(network), jax.random.key(1)
    return lambda: flow.sample(
        one, THETA_KEYS, Y_KEYS, key=key, n_samples=n, **options
    )


def _core_draws(size: Size, **options: Any) -> Callable[[], Any]:
    from .networks import core_network

    one = as_tokens(size._replace(n_samples=1), 0)
    return core_draws(one, core_network(), size.n_samples, **options)


@case(
    "draws",
    "posterior draws by a network, called again and again",
    sides=("old", "new", "bridge", "floor"),
    check=_check_draws,
    slow=True,
    n_samples=100,
    sites=(1, 10, 50),
    further_sites=(200,),
    recorded=("SFMPE.sample_posterior_encoded",),
    floor="the bare legacy computation",
)
def _draws(side: str, size: Size, legacy: Legacy) -> Call:
    from .networks import legacy_field, legacy_network

    if side == "new":
        call = _core_draws(size)
        # What it needs, as one program; called as users call it.
        return Call(call, compiled=jitted(call).compiled)
    one = size._replace(n_samples=1)
    oracle = load_oracle()
    flat = legacy_flat(oracle.flatten_structured, one, 0)
    slices = oracle.flatten_structured(seir(one).sides)[1]
    arguments = {
        "context": flat["data"]["y"],
        "labels": flat["labels"],
        "theta_slices": slices["theta"],
        "masks": flat["masks"],
        "index": flat["index"],
    }
    noise = _noise(size)
    if side == "floor":
        solve = oracle.posterior_sampler(legacy_field(), **arguments)
        return Call(lambda: solve(noise))
    given = {**arguments, "n_samples": size.n_samples, "theta_0": noise}
    if side == "old":
        return Call(partial(legacy.posterior, legacy_field(), **given))
    from flax import nnx

    from tfmpe.compat.sfmpe import SFMPE
    from tfmpe.compat.structured_cnf import StructuredCNF

    rngs = nnx.Rngs(0)
    estimator = SFMPE(StructuredCNF(legacy_network(), rngs=rngs), rngs=rngs)
    return Call(partial(estimator.sample_posterior_encoded, **given))

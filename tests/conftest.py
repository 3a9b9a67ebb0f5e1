"""Data, rules and helpers that the tests share; CPU only."""

import atexit
import gc
import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

# Before any computation; a platform chosen by the user is kept.
jax.config.update("jax_platforms", os.environ.get("JAX_PLATFORMS") or "cpu")

# Compiled programs are millions of objects that live to the end. With the
# default thresholds, visiting them again and again takes a tenth of the time.
gc.set_threshold(200_000, 20, 50)

# For the same reason a worker of xdist, which has reported all by then, ends
# at once: jax would release these objects one by one, which takes 6 seconds.
if "PYTEST_XDIST_WORKER" in os.environ:
    atexit.register(os._exit, 0)


@pytest.fixture(autouse=True, scope="module")
def visit_survivors_once() -> None:
    """Exempt what is alive between modules from further collections."""
    gc.collect()
    gc.freeze()


# Numbers of tests by group, printed at the end.
_LEFT = pytest.StashKey[Counter[str]]()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items) -> None:
    """Leave out tests marked as nightly, unless `-m` or an id selects them."""
    named = any("::" in str(arg) for arg in config.args)
    nightly = named or "nightly" in config.option.markexpr
    kept, left, counts = [], [], Counter()
    for item in items:
        mark = None if nightly else item.get_closest_marker("nightly")
        (left if mark else kept).append(item)
        if mark:
            counts[mark.args[0]] += 1
        drawn = item.get_closest_marker("hypothesis") is not None
        counts["hypothesis"] += drawn
        counts["benchmark"] += "benchmark" in getattr(item, "fixturenames", ())
    items[:] = kept
    config.hook.pytest_deselected(items=left)
    config.stash[_LEFT] = counts


def pytest_sessionfinish(session) -> None:
    """Send the numbers from an xdist worker; each worker has all of them."""
    left = session.config.stash.get(_LEFT, {})
    getattr(session.config, "workeroutput", {})["left"] = dict(left)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node, error) -> None:
    """Receive the numbers from a worker that has not crashed."""
    if left := getattr(node, "workeroutput", {}).get("left"):
        node.config.stash[_LEFT] = Counter(left)


def pytest_terminal_summary(terminalreporter, config) -> None:
    """Print how many tests ran, and how many were left to other targets."""
    left = config.stash.get(_LEFT, Counter())
    counted = terminalreporter.stats
    outcomes = ("passed", "failed", "xfailed", "xpassed")
    n_run = sum(len(counted.get(outcome, ())) for outcome in outcomes)
    drawn, timed = left.pop("hypothesis", 0), left.pop("benchmark", 0)
    groups = ", ".join(f"{n} {name}" for name, n in sorted(left.items()))
    lines = [f"Tests that ran: {n_run}."]
    if groups:
        lines.append(f"Tests left to make nightly: {left.total()} ({groups}).")
    if drawn:
        lines.append(
            f"Tests that make fuzz draws more random cases of: {drawn}."
        )
    if timed:
        lines.append(f"Tests that make bench measures: {timed}.")
    terminalreporter.section("what ran")
    terminalreporter.write_line("\n".join(lines))


_STRICT = {
    "jax_numpy_dtype_promotion": "strict",
    "jax_numpy_rank_promotion": "raise",
}


@pytest.fixture(autouse=True, scope="module")
def strict_promotion(request) -> Iterator[None]:
    """Run the tests of core, networks and estimators without promotion.

    Users may set these flags. With the oldest jax, the same tests run with its
    default flags, which most users have.
    """
    folder = request.path.relative_to(Path(__file__).parent).parts[0]
    strict = folder in ("estimators", "nn", "preprocessing")
    flags = _STRICT if strict and jax.__version_info__ >= (0, 6) else {}
    before = {name: getattr(jax.config, name) for name in flags}
    for name, value in flags.items():
        jax.config.update(name, value)
    yield
    for name, value in before.items():
        jax.config.update(name, value)


@pytest.fixture
def x64() -> Callable[[], Any]:
    """Return a context with 64-bit jax, for every version of jax."""
    enable = getattr(jax, "enable_x64", None)
    if not callable(enable):
        from jax.experimental import enable_x64 as enable
    return lambda: enable(True)


class Example(NamedTuple):
    """One of the three examples: data by side, rules, and times."""

    name: str
    theta: dict[str, Any]
    y: dict[str, Any]
    independence: dict[str, list]
    functional_inputs: dict[str, Any] | None

    @property
    def data(self) -> dict[str, Any]:
        """Data of both sides: parameters, then observations."""
        return {**self.theta, **self.y}


def _normal(*shape: int, seed: int = 0) -> jax.Array:
    values = np.random.default_rng([seed, *shape]).normal(size=shape)
    return jnp.asarray(values, jnp.float32)


def _gaussian_rules() -> dict[str, list]:
    return {
        "local": ["obs", "theta"],
        "cross": [("mu", "obs"), ("obs", "mu")],
        "cross_local": [("theta", "obs", (0, 0))],
    }


def _hierarchical_gaussian(n: int, n_sites: int, n_obs: int) -> Example:
    return Example(
        "hierarchical_gaussian",
        {
            "mu": _normal(n, 1, 1),
            "theta": _normal(n, n_sites, 1, seed=1),
        },
        {"obs": _normal(n, n_sites, n_obs, 1)},
        _gaussian_rules(),
        None,
    )


def _hierarchical_brownian(n: int, n_sites: int, n_obs: int) -> Example:
    times = jnp.linspace(0.0, 1.0, n * n_sites * n_obs)
    example = _hierarchical_gaussian(n, n_sites, n_obs)
    return example._replace(
        name="hierarchical_brownian",
        functional_inputs={
            "mu": jnp.zeros((n, 1, 1)),
            "theta": jnp.zeros((n, n_sites, 1)),
            "obs": times.reshape((n, n_sites, n_obs, 1)),
        },
    )


def _seir(n: int, n_sites: int, n_obs: int) -> Example:
    global_names = ("beta_0", "alpha", "sigma")
    local_names = ("A", "T_season", "phi")
    times = jnp.arange(n_sites * n_obs, dtype=jnp.float32)
    return Example(
        "seir",
        {
            **{
                name: _normal(n, 1, 1, seed=i)
                for i, name in enumerate(global_names)
            },
            **{
                name: _normal(n, n_sites, 1, seed=i)
                for i, name in enumerate(local_names)
            },
        },
        {"obs": _normal(n, n_sites, n_obs, 1)},
        {
            "local": ["obs", *local_names],
            "cross": [],
            "cross_local": [(name, "obs", (0, 0)) for name in local_names],
        },
        {"obs": times.reshape((n_sites, n_obs, 1))},
    )


_EXAMPLES = {
    "hierarchical_gaussian": _hierarchical_gaussian,
    "hierarchical_brownian": _hierarchical_brownian,
    "seir": _seir,
}


@pytest.fixture
def make_example() -> Callable[..., Example]:
    """Build an example by name, in any size."""

    def make(
        name: str, n_samples: int = 4, n_sites: int = 3, n_obs: int = 2
    ) -> Example:
        return _EXAMPLES[name](n_samples, n_sites, n_obs)

    return make


@pytest.fixture(params=list(_EXAMPLES))
def example(request, make_example) -> Example:
    """Return each example: 4 samples, 3 sites, 2 observations per site."""
    return make_example(request.param)


@pytest.fixture
def hierarchical_gaussian_spec() -> dict[str, list]:
    """Return the independence rules of hierarchical_gaussian.py."""
    return _gaussian_rules()


@pytest.fixture
def simple_pytree() -> dict[str, jax.Array]:
    """Return a simple hierarchical structure with two levels."""
    return {
        "mu": jnp.ones((1, 1, 1)),
        "theta": jnp.ones((1, 5, 1)),
        "obs": jnp.ones((1, 5, 3)),
    }


@pytest.fixture
def bottom_up_swap_case() -> dict[str, Any]:
    """Return data for exchanging keys."""
    return {
        "theta_samples": {"theta": _normal(6, 5, 1)},
        "y_samples": {"obs": _normal(6, 5, 3, 1)},
        "expected_target_keys": ["obs"],
        "expected_cond_keys": ["theta"],
    }


@pytest.fixture
def picture() -> Callable[[Any], list[str]]:
    """Return a mask as one string per row, ``#`` for True, ``.`` for False."""

    def draw(mask: Any) -> list[str]:
        assert mask.dtype == bool
        return ["".join("#" if x else "." for x in row) for row in mask]

    return draw


@pytest.fixture
def pyplot(monkeypatch):
    """Draw into memory, fail if anything is shown, and close all figures."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    def show(*args, **kwargs):
        raise AssertionError("show was called")

    monkeypatch.setattr(pyplot, "show", show)
    monkeypatch.setattr(matplotlib.figure.Figure, "show", show)
    yield pyplot
    pyplot.close("all")


@pytest.fixture
def legacy_warnings_off(monkeypatch) -> None:
    """Let the bridge repeat legacy defects without a warning."""
    monkeypatch.setenv("TFMPE_COMPAT", "ignore")

"""Bounded values: equal results from every kind of bijector."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpyro.distributions import transforms

from tfmpe import Standardizer, Tokens


class TFPLike:
    """An object with the interface of a TensorFlow Probability bijector."""

    forward_min_event_ndims = inverse_min_event_ndims = 0

    def __init__(self, forward, inverse, inverse_log_det):
        self._functions = forward, inverse, inverse_log_det

    def forward(self, unbounded):
        return self._functions[0](unbounded)

    def inverse(self, bounded):
        return self._functions[1](bounded)

    def inverse_log_det_jacobian(self, bounded, event_ndims):
        assert event_ndims == 0
        return self._functions[2](bounded)


def _logit(x):
    return jnp.log(x) - jnp.log1p(-x)


def _logit_log_det(x):
    return -jnp.log(x) - jnp.log1p(-x)


def _log_det_of_log(x):
    return -jnp.log(x)


def _real_tfp(name):
    bijectors = pytest.importorskip(
        "tensorflow_probability.substrates.jax.bijectors",
        reason="tensorflow_probability is not installed",
        exc_type=ImportError,
    )
    return getattr(bijectors, name)()


KINDS = {
    "positive": {
        "pair": lambda: (jnp.log, jnp.exp),
        "triple": lambda: [jnp.log, jnp.exp, _log_det_of_log],
        "like TFP": lambda: TFPLike(jnp.exp, jnp.log, _log_det_of_log),
        "TFP": lambda: _real_tfp("Exp"),
        "NumPyro": lambda: transforms.ExpTransform(),
        "NumPyro inverse": lambda: _Log().inv,
        "NumPyro composition": lambda: transforms.ComposeTransform(
            [transforms.AffineTransform(0.0, 1.0), transforms.ExpTransform()]
        ),
    },
    "unit": {
        "pair": lambda: (_logit, jax.nn.sigmoid),
        "triple": lambda: (_logit, jax.nn.sigmoid, _logit_log_det),
        "like TFP": lambda: TFPLike(jax.nn.sigmoid, _logit, _logit_log_det),
        "TFP": lambda: _real_tfp("Sigmoid"),
        "NumPyro": lambda: transforms.SigmoidTransform(),
    },
}


class _Log(transforms.ParameterFreeTransform):
    """Maps positive to all values; its inverse restricts the range."""

    def __call__(self, x):
        return jnp.log(x)

    def _inverse(self, y):
        return jnp.exp(y)

    def log_abs_det_jacobian(self, x, y, intermediates=None):
        return -y


@pytest.fixture(params=[(s, k) for s in KINDS for k in KINDS[s]], ids=str)
def kind(request):
    support, name = request.param
    return support, KINDS[support][name]()


@pytest.fixture
def tokens():
    rng = np.random.default_rng(0)
    data = {
        "positive": rng.lognormal(-1, 2, (6, 3, 2)),
        "unit": rng.beta(0.5, 2, (6, 3, 2)),
        "mu": rng.normal(4, 2, (6, 1, 3)),
    }
    sizes = rng.integers(1, 3, (6, 1), endpoint=True)
    return Tokens.from_pytree(
        data, {}, event_shapes={"positive": sizes, "unit": sizes}
    )


def test_every_kind_of_bijector_does_the_same(kind, tokens):
    """The result equals log or logit values standardized in float64."""
    support, bijector = kind
    view = tokens.select_tokens([support])
    standardizer = Standardizer.fit(view, bijectors={support: bijector})
    real = np.asarray(view.padding_mask)
    bounded = np.asarray(view.data, float)[..., :2]
    bounded[~real] = 0.5
    free = np.log(bounded)
    slopes = -free
    if support == "unit":
        free = free - np.log1p(-bounded)
        slopes = -free - 2 * np.log1p(-bounded)
    mean, scale = free[real].mean(0), free[real].std(0)
    np.testing.assert_allclose(standardizer.mean[0], mean, rtol=1e-5)
    np.testing.assert_allclose(standardizer.scale[0], scale, rtol=1e-5)
    standard = standardizer.forward(view)
    back = standardizer.inverse(standard)
    wanted = ((free - mean) / scale)[real]
    np.testing.assert_allclose(
        np.asarray(standard.data)[real][:, :2], wanted, rtol=1e-4, atol=1e-5
    )
    np.testing.assert_allclose(
        *(np.asarray(x.data)[real] for x in (back, view)), rtol=1e-5
    )
    log_det = np.where(real[..., None], slopes - np.log(scale), 0)
    np.testing.assert_allclose(
        standardizer.log_det(view), log_det.sum((1, 2)), rtol=1e-4
    )


def test_padding_outside_the_support_reaches_no_gradient(kind, tokens):
    support, bijector = kind
    standardizer = Standardizer.fit(tokens, bijectors={support: bijector})

    def loss(standardizer, tokens):
        standard = standardizer.forward(tokens)
        real = tokens.padding_mask[..., None] & (standard.data > -1e7)
        values = jnp.where(real, standard.data, 0)
        return (values**3).sum() + standardizer.log_det(tokens).sum()

    gradient = jax.jit(jax.grad(loss, (0, 1), allow_int=True))
    moments, values = gradient(standardizer, tokens)
    values = np.asarray(values.data)
    leaves = [*jax.tree.leaves(moments), values]
    assert all(np.isfinite(leaf).all() for leaf in leaves)
    padded = ~np.asarray(tokens.padding_mask)
    assert padded.any()
    assert not values[padded].any()
    assert values[~padded][:, 0].all()


def test_centre_on_the_edge_of_the_support():
    """Its logit is infinite, but it is only used in place of padding."""
    values = np.full((4, 2, 1), 0.25, np.float32)
    values[:, 0, 0] = 1 - 2.0**-24
    tokens = Tokens.from_pytree(
        {"rate": values}, {}, event_shapes={"rate": np.ones((4, 1), int)}
    )
    # The inverse is steeper, so that the center rounds to 1.
    rounding = (_logit, lambda x: jax.nn.sigmoid(1.5 * x))
    standardizer = Standardizer.fit(tokens, bijectors={"rate": rounding})

    def loss(standardizer, data):
        given = tokens.with_data(data)
        there = standardizer.forward(given).data[:, 0]
        return there.sum() + standardizer.log_det(given).sum()

    gradients = jax.jit(jax.grad(loss, (0, 1)))(standardizer, tokens.data)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradients))


def test_a_given_log_det_is_used(tokens):
    """It is slightly wrong here, so that it can be recognized."""
    log_dets = [
        np.asarray(
            Standardizer.fit(tokens, bijectors={"mu": bijector}).log_det(tokens)
        )
        for bijector in (
            (jnp.sinh, jnp.arcsinh),
            (jnp.sinh, jnp.arcsinh, _nearly),
            TFPLike(jnp.arcsinh, jnp.sinh, _nearly),
        )
    ]
    # mu has 3 values.
    for found in log_dets[1:]:
        np.testing.assert_allclose(found - log_dets[0], 3 * 8e-3, rtol=1e-2)


def _nearly(x):
    return jnp.log(jnp.cosh(x)) + 8e-3


@pytest.mark.parametrize(
    ("bijector", "fault"),
    [
        ((jnp.log, jnp.exp, jnp.log), "log derivative .* is 0.69.* -0.69"),
        ((jnp.log, jnp.exp, lambda u: u), "log derivative"),
        ((jnp.log, jnp.exp, jnp.zeros_like), "log derivative"),
        ((jnp.square, jnp.sqrt), "inverse is NaN at the unbounded value"),
        ((jnp.exp, jnp.log), "must reach every number"),
        ((jnp.tanh, jnp.arctanh), "must reach every number"),
    ],
)
def test_bijectors_that_make_wrong_densities_or_draws(bijector, fault):
    values = np.array([2.0, 0.5, 1.0], np.float32).reshape((3, 1, 1))
    tokens = Tokens.from_pytree({"a": values}, {})
    with pytest.raises(ValueError, match=f"'a' has a bijector.*{fault}"):
        Standardizer.fit(tokens, bijectors={"a": bijector})


def test_bijector_may_decrease(tokens):
    """The log det uses the absolute value of the slope."""
    up, down = (
        Standardizer.fit(tokens, bijectors={"positive": bijector})
        for bijector in (
            (jnp.log, jnp.exp),
            (lambda x: -jnp.log(x), lambda z: jnp.exp(-z)),
        )
    )
    np.testing.assert_allclose(
        down.log_det(tokens), up.log_det(tokens), rtol=1e-5
    )


@pytest.mark.parametrize("name", ["pair", "like TFP", "NumPyro"])
def test_the_same_bijector_is_not_compiled_for_twice(tokens, name):
    bijector = KINDS["positive"][name]()
    traces = []

    @jax.jit
    def forward(standardizer, tokens):
        traces.append(1)
        return standardizer.forward(tokens)

    for factor in (1, 2):
        changed = np.asarray(tokens.data) * np.float32(factor)
        standardizer = Standardizer.fit(
            tokens.with_data(changed), bijectors={"positive": bijector}
        )
        forward(standardizer, tokens)
    assert len(traces) == 1


@pytest.mark.parametrize(
    ("bijector", "fault"),
    [
        (transforms.StickBreakingTransform(), "raises "),
        (transforms.OrderedTransform(), "raises "),
        ((jnp.cumsum, lambda x: x), "returns ShapeDtypeStruct(shape=(1,), "),
        ((np.sinh, np.arcsinh), "raises TracerArrayConversionError for a num"),
    ],
    ids=["simplex", "ordered", "cumsum", "numpy"],
)
def test_only_elementwise_functions_of_jax(tokens, bijector, fault):
    """The error lists all faults."""
    intro = "Bijectors must act on single numbers and be written with jax.numpy"
    with pytest.raises(ValueError, match=intro) as caught:
        Standardizer.fit(tokens, bijectors={"unit": bijector})
    assert str(caught.value).startswith(
        f"{intro}: the bijector of 'unit' {fault}"
    )
    exp = transforms.ExpTransform()
    bijectors = {"unit": bijector, "positive": exp, "mu": bijector}
    with pytest.raises(ValueError, match=intro) as caught:
        Standardizer.fit(tokens, bijectors=bijectors)
    lines = str(caught.value).splitlines()
    assert [line.split()[4] for line in lines[1:]] == ["'unit'", "'mu'"]


def test_unknown_kinds_of_bijectors(tokens):
    for bijector in (jnp.exp, (jnp.exp,), "log", (jnp.log, 1)):
        with pytest.raises(TypeError, match="expected functions") as caught:
            Standardizer.fit(tokens, bijectors={"mu": bijector})
        assert str(caught.value).startswith(
            f"The bijector of 'mu' is {bijector!r} of type "
            f"{type(bijector).__name__}, expected functions (forward, inverse)"
        )
    with pytest.raises(TypeError, match="must be a mapping from keys"):
        Standardizer.fit(tokens, bijectors=[("mu", (jnp.log, jnp.exp))])

"""Core compared with stored legacy output and the bridge, and trained."""

import functools
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from preprocessing.simple_estimator import SimpleEstimator
from preprocessing.simulations import N_OBS, N_SITES, RULES, prior, simulator
from tfmpe import (
    TokenGenerator,
    Tokens,
    concatenate_tokens,
    generate_static_dataset,
)
from tfmpe.compat import combine_data, flatten_structured
from tfmpe.migrate.recordings.read import read_cases
from tfmpe.migrate.recordings.stored import stored_folder

EXAMPLES = ("hierarchical_gaussian", "hierarchical_brownian", "seir")


@functools.cache
def _recording(example):
    folder = stored_folder()
    return read_cases(folder / example / "flatten_structured.json", folder)


def _stored(example, case_name):
    (case,) = (c for c in _recording(example) if c.name == case_name)
    (data,) = case.args
    flat, slices = case.output
    return data, case.kwargs, flat, slices


def _tokens(data, **kwargs):
    return Tokens.from_pytree({**data["theta"], **data["y"]}, **kwargs)


def _assert_masks(tokens, theta_keys, y_keys, attention):
    """Compare with legacy attention masks: float32, a leading axis of 1."""
    ours = {
        "theta": tokens.select_tokens(theta_keys).self_attention_mask,
        "y": tokens.select_tokens(y_keys).self_attention_mask,
        "cross": tokens.cross_attention_mask(theta_keys, y_keys),
    }
    for name, mask in ours.items():
        assert mask.dtype == bool
        legacy = np.asarray(attention[name])
        assert set(np.unique(legacy)) <= {0.0, 1.0}
        np.testing.assert_array_equal(mask, legacy[0] == 1, name)


def _assert_sides(tokens, flat, slices):
    """Compare values, labels and slices of both sides with legacy results."""
    for side in ("theta", "y"):
        view = tokens.select_tokens(slices[side])
        legacy = flat["data"][side]
        assert view.data.dtype == legacy.dtype
        np.testing.assert_array_equal(view.data, legacy)
        np.testing.assert_array_equal(
            view.labels[:1], np.asarray(flat["labels"][side])
        )
        assert view.slices == slices[side]
        assert list(view.slices) == list(slices[side])


@pytest.mark.parametrize("example", EXAMPLES)
def test_legacy_examples_match_stored_output(example, make_example):
    """Values, labels, slices and masks are bit-identical."""
    data, kwargs, flat, slices = _stored(example, "plain__own_rules")
    assert kwargs == {"independence": make_example(example).independence}
    tokens = _tokens(data, **kwargs)
    _assert_sides(tokens, flat, slices)
    _assert_masks(
        tokens, slices["theta"], slices["y"], flat["masks"]["attention"]
    )


@pytest.mark.parametrize("example", EXAMPLES)
def test_legacy_example_padding_and_index_match(example):
    """Event shapes are per sample, and every key has functional inputs."""
    data, kwargs, flat, slices = _stored(
        example, "pad__per_sample__own_rules_index"
    )
    sizes = kwargs["event_shapes"]
    tokens = _tokens(
        data,
        independence=kwargs["independence"],
        functional_inputs=kwargs["index"],
        event_shapes={**sizes["theta"], **sizes["y"]},
    )
    _assert_sides(tokens, flat, slices)
    _assert_masks(
        tokens, slices["theta"], slices["y"], flat["masks"]["attention"]
    )
    for side in ("theta", "y"):
        view = tokens.select_tokens(slices[side])
        padding = np.asarray(flat["masks"]["padding"][side])
        np.testing.assert_array_equal(view.padding_mask, padding == 1)
        # Rows of the legacy index follow the sorted keys.
        in_their_order = tokens.select_tokens(sorted(slices[side]))
        np.testing.assert_array_equal(
            in_their_order.functional_inputs, flat["index"][side]
        )


@pytest.mark.parametrize("example", EXAMPLES)
def test_legacy_example_masks_match_after_key_swapping(example):
    """With exchanged sides, rules in the other direction do not act."""
    data, kwargs, flat, slices = _stored(example, "indep__own__swap")
    tokens = _tokens(data, **kwargs)
    _assert_masks(
        tokens, slices["theta"], slices["y"], flat["masks"]["attention"]
    )


def test_bottom_up_key_swapping(
    bottom_up_swap_case, hierarchical_gaussian_spec, legacy_warnings_off
):
    """Use case 1: Tokens are built once, and sides are chosen later."""
    case = bottom_up_swap_case
    theta, y = case["theta_samples"], case["y_samples"]
    mu = {"mu": jnp.arange(6.0).reshape(6, 1, 1)}
    tokens = Tokens.from_pytree(
        {**mu, **theta, **y}, hierarchical_gaussian_spec
    )
    targets = case["expected_target_keys"]
    conditions = ["mu", *case["expected_cond_keys"]]

    swapped = {"theta": y, "y": {**mu, **theta}}
    flat, slices = flatten_structured(
        swapped, independence=hierarchical_gaussian_spec
    )
    assert list(slices["theta"]) == targets
    _assert_sides(tokens, flat, slices)
    _assert_masks(tokens, targets, conditions, flat["masks"]["attention"])

    flat, slices = flatten_structured(
        {"theta": swapped["y"], "y": swapped["theta"]},
        independence=hierarchical_gaussian_spec,
    )
    _assert_sides(tokens, flat, slices)
    _assert_masks(tokens, conditions, targets, flat["masks"]["attention"])


def test_bottom_up_selective_extraction(make_example, legacy_warnings_off):
    """Use case 2: only the global parameters are selected, without a copy."""
    seir = make_example("seir")
    global_names = ["beta_0", "alpha", "sigma"]
    tokens = Tokens.from_pytree(seir.data, seir.independence)
    view = tokens.select_tokens(global_names)
    assert view.parent is tokens

    theta_samples = tokens.decode()
    global_samples = {
        key: value
        for key, value in theta_samples.items()
        if key in global_names
    }
    assert list(view.decode()) == list(global_samples) == global_names
    flat, slices = flatten_structured(
        {"theta": global_samples, "y": seir.y}, independence=seir.independence
    )
    np.testing.assert_array_equal(view.data, flat["data"]["theta"])
    assert view.slices == slices["theta"]
    np.testing.assert_array_equal(
        view.self_attention_mask, flat["masks"]["attention"]["theta"][0] == 1
    )


def test_bottom_up_value_override(make_example, legacy_warnings_off):
    """Use case 3: new parameters replace the old ones in the same order."""
    seir = make_example("seir")
    tokens = Tokens.from_pytree(seir.data, seir.independence)
    global_samples = {
        name: seir.theta[name] + 10 for name in ("sigma", "alpha", "beta_0")
    }
    local_samples = {
        name: seir.theta[name] - 10 for name in ("phi", "A", "T_season")
    }
    new = tokens.with_values(**global_samples, **local_samples)

    theta = global_samples | local_samples
    theta = {key: theta[key] for key in seir.theta}
    flat, slices = flatten_structured(
        {"theta": theta, "y": seir.y}, independence=seir.independence
    )
    _assert_sides(new, flat, slices)
    assert new.layout is tokens.layout
    np.testing.assert_array_equal(new.decode()["obs"], seir.y["obs"])


def test_bottom_up_restructuring(make_example, legacy_warnings_off):
    """Use case 4: simulated parameters and observations, joined to others."""
    brownian = make_example("hierarchical_brownian")
    one_site = make_example("hierarchical_brownian", 5, 1, 2)

    def build(example):
        return Tokens.from_pytree(
            example.data, example.independence, example.functional_inputs
        )

    def legacy(example):
        return flatten_structured(
            {"theta": example.theta, "y": example.y},
            index=example.functional_inputs,
            independence=example.independence,
        )

    tokens = build(brownian)
    flat, slices = legacy(brownian)
    _assert_sides(tokens, flat, slices)
    _assert_masks(
        tokens, slices["theta"], slices["y"], flat["masks"]["attention"]
    )

    joint = concatenate_tokens(build(one_site), tokens)
    combined = combine_data(legacy(one_site)[0], flat)
    for side in ("theta", "y"):
        view = joint.select_tokens(slices[side])
        np.testing.assert_array_equal(view.data, combined["data"][side])
        padding = np.asarray(combined["masks"]["padding"][side])
        np.testing.assert_array_equal(view.padding_mask, padding == 1)
        np.testing.assert_array_equal(
            view.functional_inputs, combined["index"][side]
        )


def _attend(queries, keys, allowed):
    """Return softmax attention of one-dimensional tokens, with NumPy."""
    logits = queries @ keys.swapaxes(-1, -2)
    weights = np.where(allowed, np.exp(logits), 0.0)
    return weights @ keys / weights.sum(-1, keepdims=True)


def test_jit_compilation_of_a_training_step(example):
    """Views, masks, decoding and gradients compile together without leaks."""
    tokens = Tokens.from_pytree(
        example.data, example.independence, example.functional_inputs
    )
    theta_keys = list(example.theta)

    @jax.jit
    @jax.value_and_grad
    def step(weight, tokens):
        queries = tokens.select_tokens(theta_keys)
        keys = tokens.select_tokens(["obs"])
        mixed = jax.nn.dot_product_attention(
            *(
                jnp.expand_dims(view.data * weight, 2)
                for view in (queries, keys, keys)
            ),
            mask=queries.attention_mask(keys),
        )
        predicted = queries.decode(mixed[:, :, 0])
        return sum((x**2).mean() for x in predicted.values())

    with jax.checking_leaks():
        value, gradient = step(1.0, tokens)
    assert gradient != 0

    declared = tokens.cross_attention_mask(theta_keys, ["obs"])
    # Rows that rules leave empty attend to everything.
    allowed = declared | ~declared.any(-1, keepdims=True)
    views = (tokens.select_tokens(keys) for keys in (theta_keys, ["obs"]))
    mixed = _attend(*(np.asarray(v.data, np.float64) for v in views), allowed)
    blocks = tokens.select_tokens(theta_keys).decode(mixed)
    expected = sum((block**2).mean() for block in blocks.values())
    # Tolerance of single precision compared with double precision.
    np.testing.assert_allclose(value, expected, rtol=1e-5)


@pytest.mark.slow
def test_end_to_end_with_a_simple_estimator():
    """Both data strategies learn the same, and the posterior is correct."""
    simulation = (prior, simulator, None, RULES, 2_048)
    generator = TokenGenerator(*simulation, batch_size=256, seed=0)
    static = generate_static_dataset(
        jax.random.key(0), *simulation, batch_size=256
    )
    keys = ["theta"], ["obs"]
    learned = SimpleEstimator().fit(generator, *keys, n_epochs=4)
    again = SimpleEstimator().fit(static, *keys, n_epochs=4, size=256)
    for a, b in zip(learned.lines, again.lines, strict=True):
        # Tolerance for sums in a different order, over 32 steps.
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)

    observed = generate_static_dataset(
        jax.random.key(1), *simulation[:4], n_samples=4
    )
    draws = learned.sample(observed, *keys, key=jax.random.key(2), n=2_000)
    assert draws["theta"].shape == (2_000, 4, N_SITES, 1)
    # theta has a prior variance of 2, and each observation of 0.01.
    variance = 1 / (1 / 2 + N_OBS / 0.01)
    obs = observed.decode()["obs"]
    mean = variance * obs.sum(2) / 0.01
    # A tenth of the posterior's scale; Monte Carlo noise is a fiftieth.
    atol = 0.1 * variance**0.5
    np.testing.assert_allclose(draws["theta"].mean(0), mean, atol=atol)
    np.testing.assert_allclose(draws["theta"].std(0), variance**0.5, rtol=0.1)


def test_an_estimator_is_asked_the_other_way_round():
    """Use case 1: observations are inferred from the parameters."""
    tokens = generate_static_dataset(
        jax.random.key(0), prior, simulator, None, RULES, 2_048
    )
    # The rule has theta first, so obs is not restricted by it.
    rules = {"cross_local": [("obs", "theta", (0, 0))]}
    tokens = Tokens.from_pytree(tokens.decode(), rules)
    swapped = SimpleEstimator().fit(
        tokens, ["obs"], ["theta"], n_epochs=5, size=256
    )
    draws = swapped.sample(
        tokens, ["obs"], ["theta"], key=jax.random.key(1), n=100
    )
    noise = draws["obs"] - tokens.decode()["theta"][None, :, :, None]
    np.testing.assert_allclose(noise.std(), 0.1, rtol=0.1)
    np.testing.assert_allclose(noise.mean(), 0.0, atol=0.01)


def test_an_estimator_learns_from_joined_tokens():
    """Data sets have different sizes; values of padding are ignored."""
    tokens = generate_static_dataset(
        jax.random.key(0), prior, simulator, None, RULES, 1_024
    )
    decoded = tokens.decode()
    few = Tokens.from_pytree(
        {
            **decoded,
            "theta": decoded["theta"][:, :1],
            "obs": decoded["obs"][:, :1, :1],
        },
        RULES,
    )
    joined = concatenate_tokens(tokens, few)
    other = replace(
        joined, data=jnp.where(joined.padding_mask[..., None], joined.data, 7e7)
    )
    keys = ["theta"], ["obs"]
    fits = [
        SimpleEstimator().fit(each, *keys, n_epochs=4, size=256).lines
        for each in (joined, other)
    ]
    for a, b in zip(*fits, strict=True):
        np.testing.assert_array_equal(a, b)
    slope = fits[0].slope[joined.label_map["theta"]]
    np.testing.assert_allclose(slope, 1.0, atol=0.02)


@pytest.mark.slow
def test_seir_with_more_than_100_sites(make_example, legacy_warnings_off):
    """Masks are those of the bridge; joining makes no copies per sample."""
    seir = make_example("seir", 20, 120, 5)
    tokens = Tokens.from_pytree(
        seir.data, seir.independence, seir.functional_inputs
    )
    flat, slices = flatten_structured(
        {"theta": seir.theta, "y": seir.y}, independence=seir.independence
    )
    _assert_sides(tokens, flat, slices)
    _assert_masks(
        tokens, slices["theta"], slices["y"], flat["masks"]["attention"]
    )
    few = make_example("seir", 20, 3, 2)
    joint = concatenate_tokens(
        tokens,
        Tokens.from_pytree(few.data, few.independence, few.functional_inputs),
    )
    n_bytes = sum(leaf.nbytes for leaf in jax.tree.leaves(joint))
    assert n_bytes == 40 * tokens.n_tokens * (4 + 4 + 1)
    assert joint.padding_mask[20:].sum() == 20 * (3 + 3 * 3 + 6)
    mask = jax.jit(lambda t: t.attention_mask())(joint)
    assert mask.shape == (40, 1, tokens.n_tokens, tokens.n_tokens)
    assert mask.any(-1).all()

"""Names of keys that coincide with names in the package."""

# ruff: noqa: PT011 - the whole message is compared.

from types import SimpleNamespace

import jax
import numpy as np
import pytest

from tfmpe import (
    DatasetWriter,
    Standardizer,
    Tokens,
    draw_mask,
    open_dataset,
    to_xarray,
)
from tfmpe.estimators import calibration_ranks

RNG = np.random.default_rng(0)
ONE, TWO = (RNG.normal(size=(6, n, 1)).astype("f4") for n in (1, 2))

NAMES = [
    # Attributes, arguments and fields of this package.
    *("data", "layout", "padding", "functional_inputs", "labels", "self"),
    *("key", "name", "value", "params", "kernel", "__class__"),
    # Names of parts of files and paths, and names that systems reserve.
    *("__metadata__", "manifest.json", ".", "..", "CON", "a\\b", "\x00"),
    *("é", "e\u0301", "x" * 300, "", " "),
    # Marks in formats and pictures.
    *("<b>", "$x_{$", "_x", "{a}", "%s", "a\nb", "a.b", "theta_dim_1"),
]


def build(name):
    """Build the key, one of different case, and one in a group of that name."""
    return Tokens.from_pytree(
        {name: TWO, "other": {name: ONE}, "A": ONE, "a": TWO},
        {"cross_local": [(name, "a", None)], "cross": [(name, "A")]},
        {name: np.ones((2, 1), "f4")},
    )


@pytest.mark.parametrize("name", NAMES)
def test_any_name_will_do(name, tmp_path):
    """The name works in views, masks, texts, xarray and files."""
    tokens, plain = build(name), build("plain")
    names = [name, f"other/{name}", "A", "a"]
    assert tokens.key_order == names
    assert list(tokens.decode()) == [name, "other", "A", "a"]
    view = tokens.select_tokens([name, "A"])
    assert view.self_attention_mask.astype(int).tolist() == [
        [1, 1, 0],
        [1, 1, 0],
        [1, 1, 1],
    ]
    changed = tokens.with_values(**{name: TWO + 1}).decode()
    np.testing.assert_array_equal(changed[name], TWO + 1)
    np.testing.assert_array_equal(changed["other"][name], ONE)
    for show in (repr, draw_mask):
        assert show(tokens).count("\n") == show(plain).count("\n")
    html, plain_html = tokens._repr_html_(), plain._repr_html_()
    assert html.count("<") == plain_html.count("<")
    assert tokens.summary()
    assert Standardizer.fit(tokens)

    xarray = to_xarray(tokens.data, tokens)
    dotted = [name, f"other.{name}", "A", "a"]
    assert list(xarray.data_vars) == dotted
    np.testing.assert_array_equal(xarray[name], TWO[..., 0])

    tokens.save(tmp_path / "tokens.safetensors")
    with DatasetWriter(tmp_path / "dataset") as writer:
        writer.append(tokens)
    first = jax.tree.map(lambda leaf: leaf[0], tokens)
    for written, read in (
        (tokens, Tokens.load(tmp_path / "tokens.safetensors")),
        (first, open_dataset(tmp_path / "dataset")[0]),
    ):
        assert read.layout == tokens.layout
        assert jax.tree.all(jax.tree.map(np.array_equal, read, written))


def flat(**options):
    return Tokens.from_pytree(independence={}, **options)


CLASHES = [
    (
        lambda: flat(data={"a/b": ONE}),
        "The keys ['a/b'] contain '/', which joins the names of nested keys. "
        "Rename or nest them.",
    ),
    (
        lambda: dataset({"draw": ONE}),
        "['draw'] would be names of several keys, axes or groups. Choose "
        "other names with dims= or sample_dims=, or rename a key.",
    ),
    (
        lambda: dataset({"a.b": ONE, "a": {"b": ONE}}),
        "['a.b'] would be names of several keys, axes or groups. Choose "
        "other names with dims= or sample_dims=, or rename a key.",
    ),
    (
        lambda: dataset({"a": TWO, "a_dim_0": TWO}),
        "['a_dim_0'] would be names of several keys, axes or groups. Choose "
        "other names with dims= or sample_dims=, or rename a key.",
    ),
    (
        lambda: dataset({"a": TWO, "b": TWO}, dims={"b": ["a_dim_0"]}),
        "An axis of 'a' has no name and would be called 'a_dim_0', but "
        "another axis has that name. Name the axis of 'a' with dims=.",
    ),
    (
        lambda: dataset(
            {"a": TWO[:, :, 0], "b": TWO}, dims={"b": ["a_value_0"]}
        ),
        "An axis of 'a' has no name and would be called 'a_value_0', but "
        "another axis has that name. Name the axis of 'a' with dims=.",
    ),
    (
        lambda: dataset(
            {"a": TWO, "a_b": TWO},
            groups={"a": {"b_c": [0, 1]}, "a_b": {"c": [1, 0]}},
        ),
        "['a_b_c'] would be names of several keys, axes or groups. Choose "
        "other names with dims= or sample_dims=, or rename a key.",
    ),
    (
        lambda: calibration_ranks(
            SimpleNamespace(sample=None),
            flat(data={"(joint)": ONE, "b": ONE}),
            ["(joint)"],
            ["b"],
            key=jax.random.key(0),
        ),
        "'(joint)' is the name of a key, but the result uses this name for "
        "all keys together. Rename the key.",
    ),
]


def dataset(data, **options):
    tokens = flat(data=data, **options)
    return to_xarray(tokens.data, tokens)


@pytest.mark.parametrize(("call", "message"), CLASHES)
def test_a_clash_is_refused(call, message):
    """The error has the name and a remedy."""
    with pytest.raises(ValueError) as caught:
        call()
    assert str(caught.value) == message

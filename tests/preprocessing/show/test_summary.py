"""Summary of tokens: complete texts, limits, abstract values."""

import jax
import numpy as np
import pytest
from hypothesis import given

from strategies import cases, trees
from tfmpe import PaddingWarning, Tokens


def _section(text: str, title: str) -> list[str]:
    """Return the sentences of a section without their line breaks."""
    sentences: list[str] = []
    inside = False
    for line in text.splitlines():
        if not line.startswith(" "):
            inside = line == title
        elif inside and line.startswith("      "):
            sentences[-1] += " " + line.strip()
        elif inside:
            sentences.append(line.strip())
    return sentences


def test_the_whole_text(tokens):
    assert tokens.summary().splitlines() == [
        "Tokens(samples (4,), 9 tokens of width 2, float32)",
        "",
        "  key    event   batch  tokens  share  inputs",
        "  mu     (1,)    (2,)   1       11.1%  -",
        "  theta  (2,)    (1,)   2       22.2%  -",
        "  obs    (2, 3)  (1,)   6       66.7%  3",
        "rules",
        "  theta, obs: tokens of one key do not see one another, nor "
        "themselves",
        "  mu does not see obs, but obs sees mu",
        "  theta and obs see each other only at equal index (theta axis 0, "
        "obs axis 0)",
        "padding",
        "  within tokens: 44.4% of the values, as some keys are narrower "
        "than 2",
        "  tokens: 41.7%, as samples differ in size",
        "cost",
        "  data 288 B, functional inputs 432 B, padding 36 B",
        "  declared mask 81 B, held once; one per sample would take 324 B",
        "  attention on cpu: dense, 81 pairs of tokens",
        "warnings",
        "  mu, theta: no functional inputs, while others have them",
    ]


def test_a_view_speaks_of_its_own_keys(tokens):
    """Rules on other keys are omitted, with what they let obs see."""
    text = tokens.select_tokens(["obs"]).summary()
    assert text.splitlines() == [
        "TokenView(samples (4,), 6 tokens of width 2, float32)",
        "",
        "  key  event   batch  tokens  share   inputs",
        "  obs  (2, 3)  (1,)   6       100.0%  3",
        "rules",
        "  obs: its tokens do not see one another, nor themselves",
        "padding",
        "  within tokens: 50.0% of the values, as some keys are narrower "
        "than 2",
        "  tokens: 62.5%, as samples differ in size",
        "cost",
        "  data 192 B, functional inputs 288 B, padding 24 B",
        "  declared mask 36 B, held once; one per sample would take 144 B",
        "  attention on cpu: dense, 36 pairs of tokens",
        "warnings",
        "  obs (6 rows): nothing left to see in the declared mask, so "
        "attention_mask lets",
        "      each token see itself",
        "  62.5% of the tokens are padding, more than half",
    ]


def test_without_rules_and_padding():
    tokens = Tokens.from_pytree({"a": np.zeros((1, 1))}, {}, sample_ndims=0)
    assert tokens.summary().splitlines()[3:] == [
        "  a    (1,)   (1,)   1       100.0%  -",
        "rules",
        "  none: every token sees every token",
        "padding",
        "  within tokens: none, every key fills the width",
        "  tokens: none, all samples have the same size",
        "cost",
        "  data 4 B",
        "  declared mask 1 B, held once",
        "  attention on cpu: dense, 1 pairs of tokens",
    ]


def test_no_keys_at_all(tokens):
    text = tokens.select_tokens([]).summary()
    assert text.startswith("TokenView(samples (4,), 0 tokens")
    assert _section(text, "warnings") == []


@pytest.mark.parametrize(
    ("rules", "sentences"),
    [
        (
            {"cross": [("a", "b"), ("b", "a")]},
            ["a and b do not see each other"],
        ),
        (
            {"cross": [("a", "a")]},
            ["a: its tokens do not see one another, nor themselves"],
        ),
        (
            {"cross_local": [("a", "b", None)]},
            ["a and b see each other only at equal position"],
        ),
        (
            {"local": ["a"], "cross_local": [("a", "a", (0, -1))]},
            [
                "tokens of a see one another only at equal index "
                "(a axis 0, a axis -1)"
            ],
        ),
        (
            {
                "cross": [("b", "a")],
                "cross_local": [("a", "b", None), ("b", "a", (0, 0))],
            },
            ["b and a see each other only at equal index (b axis 0, a axis 0)"],
        ),
    ],
)
def test_rules_in_words(rules, sentences):
    """The text states the effective rules, without overwritten ones."""
    data = {"a": np.zeros((1, 2, 1)), "b": np.zeros((1, 2, 1))}
    tokens = Tokens.from_pytree(data, rules)
    assert _section(tokens.summary(), "rules") == sentences


def test_sizes_of_memory():
    """Sizes of leaves and masks are listed, and the kind of attention."""
    shape = jax.ShapeDtypeStruct((200_000, 600, 1), "float32")
    tokens = jax.eval_shape(lambda a: Tokens.from_pytree({"a": a}, {}), shape)
    assert _section(tokens.summary(), "cost") == [
        "data 480.0 MB",
        "declared mask 360.0 kB, held once; one per sample would take 72.0 GB",
        "attention on cpu: dense, 360,000 pairs of tokens",
    ]


def test_how_a_large_sparse_mask_is_attended_with():
    """Sites that do not see one another use only their few pairs."""
    data = {"a": np.zeros((1, 999, 1)), "mu": np.zeros((1, 1, 1))}
    tokens = Tokens.from_pytree(data, {"cross_local": [("a", "a", (0, 0))]})
    assert _section(tokens.summary(), "cost")[-1] == (
        "attention on cpu: structured, 2,998 of 1,000,000 pairs (0.3%) of "
        "tokens"
    )


def test_wide_tokens_are_warned_of():
    data = {"image": np.zeros((2, 1, 16)), "mu": np.zeros((2, 3, 1))}
    with pytest.warns(PaddingWarning):
        tokens = Tokens.from_pytree(data, {})
    expected = "tokens are 16.0 times as wide as mu needs (16 values against 1)"
    assert _section(tokens.summary(), "warnings") == [expected]
    assert _section(tokens.select_tokens(["mu"]).summary(), "warnings") == [
        expected
    ]


def test_weak_rules_are_warned_of(make_example):
    """Quadratic in the number of sites, until the rule is declared."""
    seir = make_example("seir", n_sites=100, n_obs=5)
    tokens = Tokens.from_pytree(seir.data, seir.independence)
    lines = tokens.summary().splitlines()
    assert lines[lines.index("warnings") + 1 :] == [
        "  A x T_season, A x phi, T_season x phi: 60,000 of 67,809 open pairs "
        "(88.5%),",
        "      quadratic in axis 0 (size 100); if these axes index the same "
        "units and the",
        "      model has no direct dependence between one unit and another, "
        "rules such as",
        "      cross_local ('A', 'T_season', (0, 0)) would leave 600",
    ]
    rules = seir.independence | {
        "cross_local": [
            *seir.independence["cross_local"],
            ("A", "T_season", (0, 0)),
            ("A", "phi", (0, 0)),
            ("T_season", "phi", (0, 0)),
        ]
    }
    ruled = Tokens.from_pytree(seir.data, rules)
    assert _section(ruled.summary(), "warnings") == []
    removed = tokens.self_attention_mask.sum() - ruled.self_attention_mask.sum()
    assert removed == 60_000 - 600
    assert tokens.self_attention_mask.sum() == 67_809
    view = tokens.select_tokens(["beta_0", "phi", "obs"])
    assert _section(view.summary(), "warnings") == []


def test_weak_rules_by_name():
    """One pair of a key with itself; the rule can be pasted."""
    data = {"rate": np.zeros((1, 40, 5, 1))}
    (sentence,) = _section(
        Tokens.from_pytree(data, {}, dims={"rate": ["site", "day"]}).summary(),
        "warnings",
    )
    assert sentence == (
        "rate x rate: 40,000 of 40,000 open pairs (100.0%), quadratic in "
        "site (size 40); if the model has no direct dependence between one "
        "site and another, the rule cross_local ('rate', 'rate', 'site') "
        "would leave 1,000"
    )


def test_only_costly_weak_rules_are_warned_of(make_example):
    """Not of few pairs, nor of a small part, nor in a model with all rules."""
    seir = make_example("seir", n_sites=12)
    few = Tokens.from_pytree(seir.data, seir.independence)
    assert _section(few.summary(), "warnings") == []
    data = {name: np.zeros((1, n, 1)) for name, n in (("a", 500), ("b", 40))}
    part = Tokens.from_pytree(data, {"cross": [("a", "b")]})
    (sentence,) = _section(part.summary(), "warnings")
    assert sentence.startswith("a x a: 250,000 of 271,600 open pairs (92.0%)")
    gaussian = make_example("hierarchical_gaussian", n_sites=500)
    ruled = Tokens.from_pytree(gaussian.data, gaussian.independence)
    assert _section(ruled.summary(), "warnings") == []


def test_many_weak_rules_are_counted():
    data = {f"k{i}": np.zeros((1, 200 + i, 1)) for i in range(4)}
    rules = {"cross": [(a, b) for a in data for b in data if a != b]}
    sentences = _section(Tokens.from_pytree(data, rules).summary(), "warnings")
    assert [text[:7] for text in sentences[:2]] == ["k3 x k3", "k2 x k2"]
    assert sentences[2] == "… and 2 more dimensions without rules"


@pytest.mark.filterwarnings("ignore::tfmpe.PaddingWarning")
@given(trees(padded=False))
@cases(400, 60)
def test_empty_rows_are_those_of_the_mask(tree):
    """They are derived from the rules, without building the mask."""
    tokens = Tokens.from_pytree(tree.data, **tree.kwargs)
    counts = {
        key.name: int(np.sum(~tokens.self_attention_mask[key.block].any(-1)))
        for key in tokens.layout.keys
    }
    expected = ", ".join(
        f"{name} ({n} row{'s' * (n > 1)})" for name, n in counts.items() if n
    )
    found = [
        warning.partition(": nothing left to see")[0]
        for warning in _section(tokens.summary(), "warnings")
        if "nothing left to see" in warning
    ]
    assert found == ([expected] if expected else [])


def test_no_mask_is_built(tokens, monkeypatch):
    """Its size would be the square of the number of tokens."""

    def refuse(*args):
        raise AssertionError("a mask was built")

    monkeypatch.setattr("tfmpe.preprocessing.masks.dense.dense_mask", refuse)
    with pytest.raises(AssertionError, match="a mask was built"):
        _ = tokens.self_attention_mask
    assert "declared mask 81 B" in tokens.summary()


def test_many_keys_with_long_names_fit_on_one_screen():
    """Every section has its maximal length."""
    names = [f"a_long_name_of_a_parameter_number_{i}" for i in range(60)]
    data = {
        name: np.zeros((2, 5, 1 if i == 0 else 4))
        for i, name in enumerate(names)
    }
    with pytest.warns(PaddingWarning):
        tokens = Tokens.from_pytree(
            data,
            {
                "local": names,
                "cross": [(names[0], name) for name in names],
                "cross_local": [
                    (names[i], names[-1], (0, 0)) for i in range(1, 30)
                ],
            },
            {names[0]: np.zeros((5, 1))},
            event_shapes={name: np.ones((2, 1), int) for name in names},
        )
    for kind in (tokens, tokens.select_tokens(names[::-1])):
        lines = kind.summary().splitlines()
        assert len(lines) <= 46
        assert max(map(len, lines)) <= 80
        (row,) = (line.split() for line in lines if "more keys" in line)
        assert row == ["…", "53", "more", "keys", "265", "88.3%"]
    assert len(_section(tokens.summary(), "warnings")) == 5
    assert _section(tokens.summary(), "rules")[-1] == "… and 84 more rules"


def test_names_cannot_break_the_lines():
    names = ["a\nb", "\x1b[31mred", "  ", "\u202eabc"]
    tokens = Tokens.from_pytree(
        {name: np.zeros((1, 1, 1)) for name in names}, {"local": names}
    )
    for text in (tokens.summary(), repr(tokens)):
        assert text.replace("\n", "").isprintable()
        assert any(line.startswith("  a\\nb  ") for line in text.splitlines())


def test_inside_a_transform(tokens):
    """Parts that need values are omitted; the others are kept."""
    seen = []

    def look(tokens):
        seen.append(tokens.summary())
        seen.append(tokens.select_tokens(["obs", "mu"]).summary())
        return tokens

    jax.jit(look)(tokens)
    masked = "  tokens: masked; the share is known only with values"
    for text, whole in zip(
        seen,
        (tokens.summary(), tokens.select_tokens(["obs", "mu"]).summary()),
        strict=True,
    ):
        left_out = {
            line for line in whole.splitlines() if "more than half" in line
        }
        expected = [
            masked if line.startswith("  tokens: ") else line
            for line in whole.splitlines()
            if line not in left_out
        ]
        assert text.splitlines() == expected
    jax.vmap(look)(tokens)
    assert seen[2].startswith("Tokens(samples (), 9 tokens of width 2")


@pytest.mark.parametrize("keys", [None, ["obs", "mu"]])
def test_leaves_that_are_shapes(tokens, keys):
    """jax.eval_shape returns such leaves, also behind a view."""
    real = tokens if keys is None else tokens.select_tokens(keys)
    shapes = jax.eval_shape(lambda x: x, real)
    for text in (repr, type(real).summary):
        lines, expected = text(shapes).splitlines(), text(real).splitlines()
        assert lines[:6] == expected[:6]
        assert ": masked" in "\n".join(lines) or "ShapeDtype" in lines[-1]


@pytest.mark.parametrize("value", [0, None, np.float32(1.5)])
@pytest.mark.parametrize("keys", [None, ["obs", "mu"]])
def test_leaves_that_are_no_arrays(tokens, keys, value):
    """Tree functions may return such leaves; the layout still exists."""
    real = tokens if keys is None else tokens.select_tokens(keys)
    tree = jax.tree.map(lambda x: value, real)
    head = f"{type(real).__name__}({len(real.key_order)} keys, data: {value!r})"
    assert repr(tree).splitlines()[0] == head
    assert tree.summary().splitlines()[0] == head
    assert tree.summary().splitlines()[2:4] == real.summary().splitlines()[2:4]

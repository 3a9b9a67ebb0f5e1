"""Choice of inferred and conditioning keys."""

import pytest

from estimators.known_flows import make_tokens
from refusals import refused
from tfmpe.estimators import Conditional
from tfmpe.estimators._conditionals import read_conditional

LAYOUT = make_tokens(1).layout


def test_keys_as_asked_for():
    found = read_conditional(LAYOUT, ["site", "mu"], ("obs",))
    assert found == Conditional(("site", "mu"), ("obs",))
    assert found == (("site", "mu"), ("obs",))


def test_all_other_keys_are_given():
    assert read_conditional(LAYOUT, ["site"], None) == (
        ("site",),
        ("mu", "obs"),
    )
    assert read_conditional(LAYOUT, ["site"], []) == (("site",), ())
    everything = ["mu", "site", "obs"]
    assert read_conditional(LAYOUT, everything, None).conditioning == ()


@pytest.mark.parametrize(
    ("conditional", "text"),
    [
        (Conditional(("a", "b"), ("c", "d")), "p(a, b | c, d)"),
        (Conditional(("a",), ()), "p(a)"),
    ],
)
def test_in_words(conditional, text):
    assert str(conditional) == text


@pytest.mark.parametrize(
    ("target", "conditioning", "message"),
    [
        (
            ["sites"],
            None,
            "Key 'sites' not found. Available keys: ['mu', 'site', 'obs']",
        ),
        (
            ["site"],
            ["data"],
            "Key 'data' not found. Available keys: ['mu', 'site', 'obs']",
        ),
        (
            [],
            ["obs"],
            "target_keys is empty. Name at least one of ['mu', 'site', 'obs'].",
        ),
        (
            ["mu", "obs"],
            ["obs", "site"],
            "The keys ['obs'] are both target and conditioning. Name each only "
            "once.",
        ),
        (
            "mu",
            ["obs"],
            "Expected a list of keys, got the string 'mu'. Write ['mu'].",
        ),
        (
            ["mu", "mu"],
            None,
            "The keys ['mu'] are given more than once in ['mu', 'mu']. Name "
            "every key once.",
        ),
    ],
)
def test_errors(target, conditioning, message):
    with refused((TypeError, ValueError, KeyError), message):
        read_conditional(LAYOUT, target, conditioning)

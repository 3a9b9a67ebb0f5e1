"""Independence rules as objects: parsing, comparison, restriction."""

import dataclasses

import pytest

from tfmpe import Independence

SPEC = {
    "local": ["obs", "theta"],
    "cross": [("mu", "obs"), ("obs", "mu")],
    "cross_local": [("theta", "obs", (0, -1)), ("mu", "nu", None)],
}


def test_parse_reads_all_kinds():
    """Fields keep the written order."""
    rules = Independence.parse(SPEC)
    assert rules.local == ("obs", "theta")
    assert rules.cross == (("mu", "obs"), ("obs", "mu"))
    assert rules.cross_local == (
        ("theta", "obs", (0, -1)),
        ("mu", "nu", None),
    )


def test_parse_takes_lists_for_tuples_and_itself():
    """As read from JSON; an Independence is returned as it is."""
    as_lists = {
        "local": ("obs", "theta"),
        "cross": [["mu", "obs"], ["obs", "mu"]],
        "cross_local": [["theta", "obs", [0, -1]], ["mu", "nu", None]],
    }
    rules = Independence.parse(SPEC)
    assert Independence.parse(as_lists) == rules
    assert Independence.parse(rules) is rules


@pytest.mark.parametrize("spec", [None, {}])
def test_no_rules(spec):
    """Nothing declared is nothing to say."""
    rules = Independence.parse(spec)
    assert rules == Independence()
    assert rules.to_dict() == {}


def test_to_dict_is_read_back():
    """Parsed rules survive the way there and back."""
    rules = Independence.parse(SPEC)
    assert rules.to_dict() == SPEC
    assert Independence.parse(rules.to_dict()) == rules
    empty = Independence.parse({"local": []})
    assert Independence.parse(empty.to_dict()) == empty


def test_to_dict_of_rules_that_were_constructed():
    """Rules count, whichever way the object was made."""
    rules = Independence(local=("obs",))
    assert rules.to_dict()["local"] == ["obs"]
    assert rules == Independence.parse({"local": ["obs"]})


def test_equal_rules_are_equal_and_hash_alike():
    """So that equal layouts compile once; another order is another thing."""
    first, second = Independence.parse(SPEC), Independence.parse(dict(SPEC))
    assert first == second
    assert hash(first) == hash(second)
    reordered = {**SPEC, "cross_local": SPEC["cross_local"][::-1]}
    assert Independence.parse(reordered) != first


def test_rules_are_immutable():
    """A changed dictionary does not reach parsed rules; fields are fixed."""
    spec = {"local": ["obs"]}
    rules = Independence.parse(spec)
    spec["local"].append("theta")
    assert rules.local == ("obs",)
    with pytest.raises(dataclasses.FrozenInstanceError):
        rules.local = ()


def test_restrict_drops_rules_on_keys_left_out():
    """A rule stays if all its keys do."""
    rules = Independence.parse(SPEC).restrict(["theta", "obs"])
    assert rules.local == ("obs", "theta")
    assert rules.cross == ()
    assert rules.cross_local == (("theta", "obs", (0, -1)),)


def test_require_keys_passes_where_all_are_there():
    """And only there."""
    rules = Independence.parse(SPEC)
    rules.require_keys(["mu", "nu", "obs", "theta"])
    with pytest.raises(KeyError):
        rules.require_keys(["mu", "obs", "theta"])

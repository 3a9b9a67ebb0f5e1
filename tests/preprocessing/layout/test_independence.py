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
    """Fields keep the order in which rules are written."""
    rules = Independence.parse(SPEC)
    assert rules.local == ("obs", "theta")
    assert rules.cross == (("mu", "obs"), ("obs", "mu"))
    assert rules.cross_local == (("theta", "obs", (0, -1)), ("mu", "nu", None))


def test_parse_takes_lists_for_tuples_and_itself():
    """JSON has lists; an Independence is returned unchanged."""
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
    """None and an empty dictionary declare nothing."""
    rules = Independence.parse(spec)
    assert rules == Independence()
    assert rules.to_dict() == {}


def test_to_dict_is_read_back():
    """Parsed rules are equal after conversion in both directions."""
    rules = Independence.parse(SPEC)
    assert rules.to_dict() == SPEC
    assert Independence.parse(rules.to_dict()) == rules
    empty = Independence.parse({"local": []})
    assert Independence.parse(empty.to_dict()) == empty


def test_to_dict_of_rules_that_were_constructed():
    """Rules are the same, however the object was created."""
    rules = Independence(local=("obs",))
    assert rules.to_dict()["local"] == ["obs"]
    assert rules == Independence.parse({"local": ["obs"]})


def test_equal_rules_are_equal_and_hash_alike():
    """Equal layouts compile once; rules in a different order are not equal."""
    first, second = Independence.parse(SPEC), Independence.parse(dict(SPEC))
    assert first == second
    assert hash(first) == hash(second)
    reordered = {**SPEC, "cross_local": SPEC["cross_local"][::-1]}
    assert Independence.parse(reordered) != first


def test_rules_are_immutable():
    """Changing the dictionary does not change parsed rules."""
    spec = {"local": ["obs"]}
    rules = Independence.parse(spec)
    spec["local"].append("theta")
    assert rules.local == ("obs",)
    with pytest.raises(dataclasses.FrozenInstanceError):
        rules.local = ()


def test_restrict_drops_rules_on_keys_left_out():
    """A rule is kept if all its keys are."""
    rules = Independence.parse(SPEC).restrict(["theta", "obs"])
    assert rules.local == ("obs", "theta")
    assert rules.cross == ()
    assert rules.cross_local == (("theta", "obs", (0, -1)),)


def test_require_keys_passes_where_all_are_there():
    """Otherwise it raises an error."""
    rules = Independence.parse(SPEC)
    rules.require_keys(["mu", "nu", "obs", "theta"])
    with pytest.raises(KeyError):
        rules.require_keys(["mu", "obs", "theta"])

"""Step 2: what is not rewritten, and why; and what is only when told."""

import pytest

pytest.importorskip("libcst", reason="needs the extra cli")

from tfmpe.migrate.fix.result import Options
from tfmpe.migrate.fix.rewrite import rewrite

TOKENS = Options(to="tokens", unsafe=True)
IMPORT = (
    "from tfmpe.compat import combine_data, decode_theta, flatten_structured\n"
)
CALL = "flat, slices = flatten_structured({'theta': a, 'y': b})\n"
WHY = {
    "f(flat)": "'flat' is used as a whole",
    "f(flat['other'])": "flat['other'] has no counterpart",
    "flat['data']['theta'] = 1": "'flat' is changed or deleted",
    "del flat['data']": "'flat' is changed or deleted",
    "for k in flat['data']: pass": "flat['data'] is used as a whole",
    "flat[key]": "'flat' is read with a key that is not written out",
    "flat['masks']": "flat['masks'] has no counterpart",
    "slices['theta'] = {}": "'slices' is changed or deleted",
    "eval('flat')": "eval() may read it by name",
    "Tokens = 1": "the name Tokens means something else here",
    "jnp = 1": "the name jnp means something else here",
    "if c: flat = 1": "'flat' is bound several times, not all in one block",
    "flat = 1\ndef f(): return flat": (
        "'flat' is bound several times and used in a function"
    ),
    "del flat": "'flat' is changed or deleted",
    "def f():\n    global flat\n    flat = 1": "bound several times",
    "both = combine_data(flat, other)": "'other' does not become Tokens",
}
CALLS = {
    "x = flatten_structured(d)": "its result is not taken apart",
    "a, b = flatten_structured(*d)": "arguments cannot be told apart",
    "a, b = flatten_structured(d, pad_value=0)": "it has pad_value=",
    "a, b = flatten_structured(f())": "the data are made in the call",
    "a, b = flatten_structured({'theta': t(), 'y': y})": "'theta' is made",
    "a, b = flatten_structured({'theta': t, 'y': y, 'z': z})": "'z'",
    "a, b = flatten_structured({**d})": "are not one 'theta' and one 'y'",
    "a, b = flatten_structured({'theta': {**t}, 'y': y})": "are put together",
    "a, b = flatten_structured({'theta': {'k': 1}, 'y': {'k': 2}})": "(L3)",
    "a, b = flatten_structured(d, n)": "is not written out",
    "a, b = flatten_structured(d, 0)": "there is no sample axis",
    "f = flatten_structured": "without being called",
    "x = combine_data(a, b, 0)": "has another argument",
    "x = combine_data(f(), b)": "its arguments are no names",
    "combine_data(a, b)['data']": "its result is not given a name",
}


@pytest.mark.parametrize("use", WHY)
def test_an_unknown_use_leaves_everything_as_it_was(use):
    text = f"{IMPORT}{CALL}{use}\n"
    result = rewrite(text, TOKENS)
    whys = [left.why for left in result.left if left.code != "T102"]
    assert any(WHY[use] in why for why in whys), whys
    kept = [x for x in result.code.splitlines() if "# TODO" not in x]
    assert kept == text.splitlines()


@pytest.mark.parametrize("call", CALLS)
def test_an_unknown_call_is_left(call):
    text = f"{IMPORT}{call}\n"
    result = rewrite(text, TOKENS)
    assert CALLS[call] in result.left[0].why
    assert not result.edits
    assert result.code.count("# TODO(tfmpe") == 1


def test_a_decode_that_cannot_be_said_keeps_its_function():
    text = f"{IMPORT}{CALL}x = decode_theta(draw(), slices['theta'], (3,))\n"
    code = rewrite(text, TOKENS).code
    assert "x = decode_theta(draw(), tokens_theta.slices, (3,))" in code
    assert code.startswith("from tfmpe import Tokens\n")
    assert "from tfmpe.compat import combine_data, decode_theta\n" in code


def test_a_comment_stands_above_decorators():
    text = (
        "from tfmpe.compat import SFMPE\n\n\n"
        "@mark(SFMPE)\n@other\ndef f():\n    return 1\n"
    )
    code = rewrite(text, TOKENS).code
    assert code.splitlines()[3].startswith("# TODO(tfmpe T204)")
    assert code.splitlines()[4] == "@mark(SFMPE)"
    assert rewrite(code, TOKENS).code == code


def test_unsafe_rewrites_wait_for_their_option():
    text = f"{IMPORT}{CALL}f(flat['data']['y'])\n"
    result = rewrite(text, Options(to="tokens"))
    assert result.code == text
    assert {left.code for left in result.left} == {"T101"}
    assert "--unsafe-fixes" in result.left[0].why
    only = rewrite(text, Options(to="tokens", unsafe=True, ignore=("T1",)))
    assert only.code == text


def test_the_same_name_is_followed_from_binding_to_binding():
    text = f"{IMPORT}{CALL}f(flat['data']['y'])\n{CALL}g(flat['data']['y'])\n"
    code = rewrite(text, TOKENS).code
    assert "f(tokens_y.data)" in code
    assert "g(tokens_2_y.data)" in code or code.count("tokens_y.data") == 2


def test_what_a_person_must_do_has_one_comment_each():
    text = (
        "from tfmpe.compat.sfmpe import SFMPE\n"
        "from tfmpe.compat.structured_cnf import StructuredCNF\n"
        "estim = SFMPE(StructuredCNF(net))\n"
    )
    result = rewrite(text, TOKENS)
    assert [left.code for left in result.left] == ["T201", "T204"]
    assert result.code.count("# TODO(tfmpe") == 2
    assert rewrite(result.code, TOKENS).code == result.code


NINE = "a, b, (c), d := 1, e, f, g, h, i"
KEYWORDS = (
    "context=a, context_label=b, context_index=(c), context_mask=(d := 1), "
    "theta_shape=e, theta_label=f, theta_index=g, theta_mask=h, cross_mask=i"
)


def test_nine_arguments_become_keywords():
    head = "from tfmpe.compat import StructuredCNF\n"
    text = (
        f"{head}cnf = StructuredCNF(net)\ncnf.sample({NINE}, sample_size=2)\n"
        f"cnf.log_prob(x, {NINE[:-3]})\n"
    )
    result = rewrite(text, Options(to="tokens"))
    assert f"cnf.sample({KEYWORDS}, sample_size=2)\n" in result.code
    assert "cnf.log_prob(theta=x, theta_label=a, " in result.code
    assert [e.code for e in result.edits] == ["T202", "T203"]
    assert {e.safety for e in result.edits} == {"safe"}


@pytest.mark.parametrize(
    "call",
    [
        "cnf.sample(a, b, c)",
        f"cnf.sample(*x, {NINE})",
        f"cnf.sample({NINE}, context=1)",
        f"self.sample({NINE})",
    ],
)
def test_other_samples_are_left_alone(call):
    text = f"from tfmpe.compat import split_data\n{call}\nsplit_data\n"
    assert not rewrite(text, Options(to="tokens")).edits


@pytest.mark.parametrize(
    ("block", "why"),
    [
        ("class A:\n    {}", "an attribute of a class"),
        ("def f():\n    global flat\n    {}", "bound in another scope"),
        ("if c:\n    {0}else:\n    {0}", "not all in one block"),
    ],
)
def test_bindings_that_others_see_are_left(block, why):
    text = IMPORT + block.format(CALL) + "print(flat['data']['y'])\n"
    result = rewrite(text, TOKENS)
    assert not result.edits
    assert any(why in left.why for left in result.left)


def test_pad_value_comes_from_the_new_package():
    text = (
        "from tfmpe.compat.util.dataloader import PAD_VALUE, pad_1d\n"
        "import tfmpe.compat.util.dataloader as dl\n"
        "pad_1d(x, 3, PAD_VALUE + dl.PAD_VALUE)\n"
    )
    result = rewrite(text, Options(to="tokens", select=("T111",)))
    assert result.code == (
        "from tfmpe import PAD_VALUE\n"
        "from tfmpe.compat.util.dataloader import pad_1d\n"
        "pad_1d(x, 3, PAD_VALUE + PAD_VALUE)\n"
    )
    assert {edit.safety for edit in result.edits} == {"safe"}
    renamed = text.replace("PAD_VALUE, pad_1d", "PAD_VALUE as P, pad_1d")
    code = rewrite(renamed, Options(to="tokens", select=("T111",))).code
    assert "PAD_VALUE as P, pad_1d" in code


def test_nine_arguments_of_an_unknown_object_are_named_if_told_so():
    text = f"def draw(cnf):\n    return cnf.sample({NINE})\n"
    safe = rewrite(text, Options(to="tokens"))
    assert safe.code == text
    (left,) = safe.left
    assert (left.code, left.line) == ("T202", 2)
    assert left.why == "can be rewritten with --unsafe-fixes"
    assert "so many arguments are the only sign" in left.note
    unsafe = rewrite(text, TOKENS)
    assert unsafe.code == text.replace(NINE, KEYWORDS)
    assert [edit.safety for edit in unsafe.edits] == ["unsafe"]


def test_nothing_is_touched_without_legacy_names():
    text = "cnf.sample(a, b, c)\nflat, s = flatten_structured(d)\n"
    assert rewrite(text, TOKENS).code == text


def test_reads_within_a_decode_of_another_value_are_replaced():
    text = (
        f"{IMPORT}"
        "a, slices = flatten_structured({'theta': t, 'y': y})\n"
        "b, _ = flatten_structured({'theta': t2, 'y': y2})\n"
        "joined = combine_data(a, b)\n"
        "x = decode_theta(joined['data']['theta'], slices['theta'], (8,))\n"
    )
    result = rewrite(text, TOKENS)
    assert result.code.endswith(
        "x = decode_theta(joined_tokens_theta.data, a_tokens_theta.slices, "
        "(8,))\n"
    )
    assert [left.code for left in result.left] == ["T102"]


@pytest.mark.parametrize("name", ["flat", "slices"])
def test_what_a_module_shows_is_left(name):
    text = f"{IMPORT}__all__ = ['{name}']\n{CALL}print(flat['data']['y'])\n"
    result = rewrite(text, TOKENS)
    assert not result.edits
    assert f"'{name}' is in __all__" in result.left[0].why
    inside = f"{IMPORT}__all__ = ['{name}']\ndef f():\n    {CALL}"
    assert rewrite(inside, TOKENS).edits


def test_a_line_of_several_statements_is_left_for_that_reason():
    result = rewrite(f"{IMPORT}n = 1; {CALL}", TOKENS)
    assert result.left[0].why == "its line holds other statements"


def test_nine_arguments_that_cannot_be_named_get_a_comment():
    head = "from tfmpe.compat import StructuredCNF\ncnf = StructuredCNF(f)\n"
    result = rewrite(f"{head}cnf.sample(*nine)\n", TOKENS)
    assert "# TODO(tfmpe T202): by hand: name its arguments" in result.code
    mixed = f"{head}cnf.sample({NINE[:-3]}, cross_mask=m)\n"
    code = rewrite(mixed, Options(to="tokens")).code
    assert "theta_mask=h, cross_mask=m)" in code
    assert "TODO(tfmpe T202)" not in code


def test_without_their_option_unsafe_rewrites_are_listed_once_a_call():
    text = f"{IMPORT}{CALL}print(flat['data']['y'], flat['labels'])\n"
    result = rewrite(text, Options(to="tokens"))
    assert [(left.line, left.code) for left in result.left] == [(2, "T101")]
    assert len(rewrite(text, TOKENS).edits) == 3

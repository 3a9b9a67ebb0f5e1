"""Tokens are asked again only where they have the data that were meant."""

from typing import Any

import jax
import numpy as np
import pytest

pytest.importorskip("libcst", reason="needs the extra cli")

from tfmpe.migrate.fix.result import Options
from tfmpe.migrate.fix.rewrite import rewrite

TOKENS = Options(to="tokens", unsafe=True)
HEAD = """\
import jax.numpy as jnp
import numpy as np
from sfmpe.util.dataloader import flatten_structured

NAMES = ["mu"]


def prior(scale):
    return {
        "mu": scale * np.ones((4, 1, 1), np.float32),
        "theta": scale * np.ones((4, 3, 1), np.float32),
    }


def simulate(theta):
    return {"obs": 2 * theta["theta"]}


def standardise(samples):
    for key in samples:
        samples[key] = samples[key] / 2


def total(samples):
    return sum(each.sum() for each in samples.values())


"""
DRAW = "theta = prior(1)\ny = simulate(theta)\n"
FLAT = 'flat, _ = flatten_structured({"theta": theta, "y": y})\n'
FIRST = f'{DRAW}{FLAT}RESULT = [flat["data"]["theta"]]\n'
PICK = "{k: v for k, v in theta.items() if k in NAMES}"
PICKED = "tokens.select_tokens([k for k in theta if k in NAMES]).decode()"
SAME = f'{FLAT.replace("flat,", "again,")}RESULT.append(again["data"]["y"])\n'
SWAP = (
    'swap, _ = flatten_structured({"theta": y, "y": theta})\n'
    'RESULT.append(swap["data"]["y"])\n'
)
REPLACE = (
    'newer = theta | {"mu": 5 + theta["mu"]}\n'
    'new, _ = flatten_structured({"theta": newer, "y": y})\n'
    'RESULT.append(new["data"]["theta"])\n'
    'RESULT.append(new["data"]["y"])\n'
)
REUSES = {
    "T301": SWAP,
    "T302": f"RESULT.append({PICK})\n",
    "T303": REPLACE,
    "T304": SAME,
}


def fixed(body):
    """Rewrite a body and return it, with the codes of what was done."""
    found = rewrite(HEAD + body, TOKENS)
    codes = {edit.code for edit in found.edits}
    return found.code, sorted(x for x in codes if x.startswith("T3"))


def execute(code: str) -> Any:
    """Run a script and return its RESULT."""
    names: dict[str, Any] = {"__name__": "script"}
    exec(compile(code, "script.py", "exec"), names)
    return names["RESULT"]


def assert_same_numbers(body):
    bridge = rewrite(HEAD + body, Options()).code
    before, after = execute(bridge), execute(fixed(body)[0])
    assert jax.tree.structure(before) == jax.tree.structure(after)
    for a, b in zip(
        jax.tree.leaves(before), jax.tree.leaves(after), strict=True
    ):
        assert np.array_equal(a, b)


def in_function(body):
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    return f"def run():\n{lines}    return RESULT\n\n\nRESULT = run()\n"


def test_a_name_in_a_function_is_another():
    body = (
        f"{FIRST}\n\ndef globals_of(scale):\n    theta = prior(scale)\n"
        f"    return {PICK}\n\n\ndef globals_of_arg(theta):\n"
        f"    return {PICK}\n\n\n"
        "RESULT += [globals_of(3), globals_of_arg(prior(4))]\n"
    )
    assert fixed(body)[1] == []
    assert_same_numbers(body)


OTHER_SCOPES = {
    "a function": f"def inner(theta): return {PICK}\nRESULT += [inner(three)]",
    "a lambda": f"RESULT += [(lambda theta: {PICK})(three)]",
    "a list": f"RESULT += [{PICK} for theta in [three]]",
    "a generator": f"RESULT += list({PICK} for theta in [three])",
    "a class": f"class A:\n    theta = three\n    x = {PICK}\nRESULT += [A.x]",
    "a function to come": (
        f"def inner(): return {PICK}\nstandardise(theta)\nRESULT += [inner()]"
    ),
    "a lambda to come": (
        f"inner = lambda: {PICK}\nstandardise(theta)\nRESULT += [inner()]"
    ),
    "a generator to come": (
        f"all = ({PICK} for _ in [1])\nstandardise(theta)\nRESULT += all"
    ),
    "an entry by its name": (
        "def inner(theta):\n"
        '    pair = {"theta": prior(4), "y": y}\n'
        "    flat, _ = flatten_structured(pair)\n"
        f'    return flat["data"]["theta"], {PICK}\n'
        "RESULT += [inner(three)]"
    ),
}


@pytest.mark.parametrize("kind", ["module", "function"])
@pytest.mark.parametrize("name", OTHER_SCOPES)
def test_a_name_in_an_inner_scope_is_another(name, kind):
    body = f"three = prior(3)\n{FIRST}{OTHER_SCOPES[name]}\n"
    if kind == "function":
        body = in_function(body)
    assert "T302" not in fixed(body)[1]
    assert_same_numbers(body)


def test_the_entry_of_a_display_of_the_module_is_not_the_local_one():
    body = (
        f'{DRAW}pair = {{"theta": theta, "y": y}}\n\n\n'
        "def run(theta):\n    flat, _ = flatten_structured(pair)\n"
        f'    return [flat["data"]["theta"], {PICK}]\n\n\n'
        "RESULT = run(prior(3))\n"
    )
    assert fixed(body)[1] == []
    assert_same_numbers(body)


@pytest.mark.parametrize("kind", ["module", "function"])
@pytest.mark.parametrize("code", REUSES)
def test_data_that_stay_as_they_are_are_asked_again(code, kind):
    body = f"{FIRST}other = simulate(theta)\nprint(theta)\n{REUSES[code]}"
    if kind == "function":
        body = in_function(body)
    assert fixed(body)[1] == [code]
    assert_same_numbers(body)


def test_a_comprehension_sees_the_names_around_it():
    body = f"{FIRST}RESULT += [{PICK} for _ in range(2)]\n"
    assert PICKED in fixed(body)[0]
    assert_same_numbers(body)


CHANGES = {
    "a call for its effect": "standardise(theta)",
    "of both": "[standardise(each) for each in (theta, y)]",
    "in a display": "[standardise(theta), 1]",
    "as one of several": "for each in (theta, y): standardise(each)",
    "by keyword": "standardise(samples=theta)",
    "if so": "NAMES and standardise(theta)",
    "its result thrown away": "_ = standardise(theta)",
    "by a method of a part": 'theta["mu"].fill(9)\ny["obs"].fill(9)',
    "through an alias": 'other = theta\nother["mu"] = 9 + other["mu"]',
    "through an alias and a call": "other = theta\nstandardise(other)",
    "through an alias of a part": 'mu = theta["mu"]\nmu += 9',
    "through a display": 'both = [theta, y]\nboth[0]["mu"] = 9 + theta["mu"]',
    "through two names": (
        'other, more = theta, y\nother["mu"] = 9 + other["mu"]'
    ),
    "through a walrus": '(other := theta).update(mu=9 + theta["mu"])',
    "through what keeps it": (
        'kept = {}\nkept["it"] = theta\n[standardise(x) for x in kept.values()]'
    ),
    "in a function": (
        "def change():\n    standardise(theta)\nchange()\n"
        "def of(y): return y\nRESULT[0] += 0"
    ),
}


@pytest.mark.parametrize("code", REUSES)
@pytest.mark.parametrize("change", CHANGES)
def test_data_that_may_have_changed_become_tokens_of_their_own(change, code):
    body = in_function(f"{FIRST}{CHANGES[change]}\n{REUSES[code]}")
    text, codes = fixed(body)
    assert codes == []
    assert "flatten_structured" not in text


@pytest.mark.parametrize("kind", ["module", "function"])
@pytest.mark.parametrize("code", REUSES)
def test_data_that_have_changed_give_other_numbers(code, kind):
    body = f"{FIRST}standardise(theta)\nstandardise(y)\n{REUSES[code]}"
    if kind == "function":
        body = in_function(body)
    assert fixed(body)[1] == []
    assert_same_numbers(body)


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_picked_after_a_change_has_changed(change):
    assert_same_numbers(f"{FIRST}{CHANGES[change]}\nRESULT.append({PICK})\n")


def test_a_change_below_in_a_loop_comes_before():
    body = (
        f"{FIRST}for _ in range(2):\n    RESULT.append({PICK})\n"
        "    standardise(theta)\n"
    )
    assert fixed(body)[1] == []
    assert_same_numbers(body)
    after = f"{FIRST}RESULT.append({PICK})\nstandardise(theta)\n"
    assert fixed(after)[1] == ["T302"]
    assert_same_numbers(after)


def test_an_alias_from_above_is_the_same_dictionary():
    body = (
        f'draws = {{"theta": prior(1)}}\ntheta = draws["theta"]\n'
        f"y = simulate(theta)\n{FLAT}"
        'RESULT = [flat["data"]["theta"]]\n'
        'draws["theta"]["mu"] = 9 + theta["mu"]\n'
        f"RESULT.append({PICK})\n"
    )
    assert fixed(body)[1] == []
    assert_same_numbers(body)


@pytest.mark.parametrize(
    "use",
    [
        'n = theta["mu"].shape[0]\nn += 1',
        'mean = theta["mu"].mean()\nprint(mean)',
        'copy = dict(theta)\ncopy["mu"] = 9 + copy["mu"]',
        "for key in theta: print(key)",
    ],
)
def test_what_is_computed_from_the_data_is_free(use):
    body = f"{FIRST}{use}\nRESULT.append({PICK})\n"
    assert fixed(body)[1] == ["T302"]
    assert_same_numbers(body)


def test_a_change_above_is_in_the_tokens():
    body = f"{DRAW}standardise(theta)\n{FLAT}" + (
        f'RESULT = [flat["data"]["theta"], {PICK}]\n'
    )
    assert fixed(body)[1] == ["T302"]
    assert_same_numbers(body)


def test_the_rules_may_change_as_well():
    call = 'flatten_structured({"theta": theta, "y": y}, independence=rules)\n'
    change = "rules['local'].append('theta')\n"
    body = (
        f'rules = {{"local": ["obs"]}}\n{DRAW}flat, _ = {call}'
        'RESULT = [flat["masks"]["attention"]["theta"]]\n'
        f"{{}}again, _ = {call}"
        'RESULT.append(again["masks"]["attention"]["theta"])\n'
    )
    assert fixed(body.replace("{}", ""))[1] == ["T304"]
    changed = body.replace("{}", change)
    assert fixed(changed)[1] == []
    assert_same_numbers(changed)


def in_class(between):
    lines = "".join(f"        {line}\n" for line in between.splitlines())
    return (
        "class Fit:\n    def __init__(self):\n        self.theta = prior(1)\n"
        "        self.loss = 0\n\n"
        "    def step(self):\n        standardise(self.theta)\n"
        "        self.theta = prior(3)\n        return 1\n\n"
        "    def run(self):\n        y = simulate(self.theta)\n"
        "        flat, _ = flatten_structured("
        '{"theta": self.theta, "y": y})\n'
        f"{lines}        again = {PICK.replace('theta.', 'self.theta.')}\n"
        '        return [flat["data"]["theta"], again]\n\n\n'
        "RESULT = Fit().run()\n"
    )


@pytest.mark.parametrize(
    "change",
    [
        "self.step()",
        "self.loss = self.step()",
        "standardise(self.theta)",
        "self.theta = prior(2)",
        "self.theta['mu'] = 2 * self.theta['mu']",
        "self.theta.update(prior(2))",
        "theta = self.theta\ntheta.update(prior(2))",
        "me = self\nme.step()",
        "Fit.step(self)",
    ],
)
def test_an_object_may_change_what_it_keeps(change):
    assert fixed(in_class(change))[1] == []
    assert_same_numbers(in_class(change))


@pytest.mark.parametrize(
    "use", ["self.loss = total(self.theta)", "z = simulate(self.theta)"]
)
def test_an_object_that_is_looked_at_keeps_what_it_has(use):
    assert fixed(in_class(use))[1] == ["T302"]
    assert_same_numbers(in_class(use))


def test_a_condition_on_the_values_is_no_choice_of_keys():
    pick = PICK.replace("in NAMES", "in NAMES + [v.ndim]")
    body = f"{FIRST}RESULT.append({pick})\n"
    assert fixed(body)[1] == []
    assert_same_numbers(body)


def test_the_notes_say_that_data_must_stay():
    edits = rewrite(f"{HEAD}{FIRST}{REUSES['T302']}", TOKENS).edits
    (note,) = [edit.note for edit in edits if edit.code == "T302"]
    assert note == (
        "the values are jax arrays, in the dtype of the tokens, and the data "
        "must not be changed between"
    )


LITERAL = 'theta = {"mu": np.ones((4, 1, 1)), "theta": np.ones((4, 3, 1))}\n'


@pytest.mark.parametrize(
    ("base", "newer", "codes"),
    [
        (LITERAL, 'theta | {"new": theta["mu"]}', []),
        (LITERAL, 'theta | dict(new=theta["mu"])', []),
        (LITERAL, '{**theta, "new": theta["mu"]}', []),
        (LITERAL, 'theta | {"mu": 1 + theta["mu"]}', ["T303"]),
        (LITERAL, '{**theta, "mu": 1 + theta["mu"]}', ["T303"]),
        ("theta = prior(1)\n", 'theta | {"mu": theta["mu"]}', ["T303"]),
    ],
)
def test_a_new_key_has_no_place_in_the_tokens(base, newer, codes):
    body = (
        f"{base}y = simulate(theta)\n{FLAT}"
        f'RESULT = [flat["data"]["theta"]]\nnewer = {newer}\n'
        'new, _ = flatten_structured({"theta": newer, "y": y})\n'
        'RESULT.append(new["data"]["theta"])\n'
    )
    assert fixed(body)[1] == codes
    assert_same_numbers(body)


def test_keys_that_are_not_known_are_left_to_the_error():
    body = (
        f'{FIRST}newer = theta | {{"new": theta["mu"]}}\n'
        'new, _ = flatten_structured({"theta": newer, "y": y})\n'
        'RESULT.append(new["data"]["theta"])\n'
    )
    code, codes = fixed(body)
    assert codes == ["T303"]
    with pytest.raises(KeyError, match="new"):
        execute(code)


def test_a_computed_key_is_no_entry_that_is_known():
    text = (
        "from tfmpe.compat import flatten_structured\n"
        "def f(theta, other, y, near, far):\n"
        "    flat, _ = flatten_structured({'theta': theta, 'y': y})\n"
        "    a = flat['data']['theta']\n"
        "    pair = {far: theta, near: other}\n"
        "    more, _ = flatten_structured({'theta': pair[near], 'y': y})\n"
        "    return a, more['data']['theta']\n"
    )
    code = rewrite(text, TOKENS).code
    assert "more_tokens = Tokens.from_pytree(dict(**pair[near], **y)" in code

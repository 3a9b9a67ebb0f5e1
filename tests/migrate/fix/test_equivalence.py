"""Scripts give the same numbers before and after, and the text is exact."""

from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

pytest.importorskip("libcst", reason="needs the extra cli")

from tfmpe.migrate.fix.result import Options
from tfmpe.migrate.fix.rewrite import rewrite

CASES = Path(__file__).parent / "cases"
NAMES = sorted(file.stem for file in CASES.glob("*.before"))
BRIDGE = Options()
TOKENS = Options(to="tokens", unsafe=True)


def execute(code: str) -> Any:
    """Run a script and return its RESULT."""
    names: dict[str, Any] = {"__name__": "script"}
    exec(compile(code, "script.py", "exec"), names)
    return names["RESULT"]


def assert_same(found, wanted):
    assert jax.tree.structure(found) == jax.tree.structure(wanted)
    for a, b in zip(
        jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True
    ):
        assert type(a) is type(b)
        assert np.asarray(a).dtype == np.asarray(b).dtype
        assert np.array_equal(a, b)


def test_there_are_cases():
    assert len(NAMES) >= 3


@pytest.mark.usefixtures("legacy_warnings_off")
@pytest.mark.parametrize("name", NAMES)
def test_tokens_give_the_numbers_of_the_bridge(name):
    bridge = rewrite((CASES / f"{name}.before").read_text(), BRIDGE)
    tokens = rewrite(bridge.code, TOKENS)
    assert not tokens.left
    assert "compat" not in tokens.code
    assert_same(execute(tokens.code), execute(bridge.code))


@pytest.mark.parametrize("name", NAMES)
def test_the_text_is_exact(name):
    before = (CASES / f"{name}.before").read_text()
    after = (CASES / f"{name}.after").read_text()
    assert rewrite(before, TOKENS).code == after


@pytest.mark.parametrize("options", [BRIDGE, TOKENS, Options(to="tokens")])
@pytest.mark.parametrize("name", NAMES)
def test_twice_is_once(name, options):
    once = rewrite((CASES / f"{name}.before").read_text(), options)
    twice = rewrite(once.code, options)
    assert twice.code == once.code
    assert not twice.edits
    assert [(x.code, x.why) for x in twice.left] == [
        (x.code, x.why) for x in once.left
    ]


def test_a_key_on_both_sides_is_refused_not_dropped():
    code = rewrite(
        "import jax.numpy as jnp\n"
        "from sfmpe.util.dataloader import flatten_structured\n"
        "theta, y = {'x': jnp.zeros((1, 2, 1))}, {'x': jnp.ones((1, 2, 1))}\n"
        "flat, slices = flatten_structured({'theta': theta, 'y': y})\n"
        "RESULT = flat['data']['theta']\n",
        TOKENS,
    ).code
    assert "compat" not in code
    with pytest.raises(TypeError, match=r"multiple values .* 'x'"):
        execute(code)


def test_methods_of_the_users_own_classes_keep_their_arguments():
    own = (
        "class Sampler:\n"
        "    def sample(self, a, b, c, d, e, f, g, h, i):\n"
        "        return a + i\n\n\n"
        "RESULT = Sampler().sample(1, 2, 3, 4, 5, 6, 7, 8, 9)\n"
    )
    code = "from sfmpe.utils import split_data\n" + own
    assert rewrite(code, Options(to="tokens")).code.endswith(own)
    code = (
        "from sfmpe.structured_cnf import StructuredCNF\n"
        "draws = StructuredCNF(field).sample(1, 2, 3, 4, 5, 6, 7, 8, 9)\n"
    )
    assert ".sample(context=1, " in rewrite(code, Options(to="tokens")).code

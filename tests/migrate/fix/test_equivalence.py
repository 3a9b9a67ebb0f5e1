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

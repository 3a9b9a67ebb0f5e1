"""Legacy and bridge side by side: exactly the real differences."""

import sys

import jax
import numpy as np
import pytest

from tfmpe.migrate.run.shadow import run_in_shadow

from .conftest import CALL, replayed

JIT = """
flatten = jax.jit(lambda t: flatten_structured(t, independence=RULES)[0])
flatten(data())
flatten(data())
"""
VMAP = """
flatten = jax.vmap(lambda t: flatten_structured(t, independence=RULES)[0])
flatten(jax.tree.map(lambda x: x[:, None], data(5)))
"""
SCAN = """
one = jax.tree.map(lambda x: x[:, None], data(4))
def step(carry, tree):
    flat, _ = flatten_structured(tree, independence=RULES)
    return carry + flat["data"]["y"].sum(), None
print(jax.lax.scan(step, 0.0, one)[0])
"""
GRAD = """
def loss(tree):
    flat, _ = flatten_structured(tree, independence=RULES)
    return (flat["data"]["y"] ** 2).sum()
print(jax.tree.leaves(jax.jit(jax.grad(loss))(data()))[-1].sum())
"""


WAYS = [("eager", CALL, 1), ("traced", JIT, 2), ("traced", VMAP, 5)]
WAYS += [("traced", SCAN, 4), ("traced", GRAD, 1)]


@pytest.mark.parametrize(("mode", "text", "compared"), WAYS)
def test_equal_sides_have_no_difference(legacy, script, text, mode, compared):
    legacy()
    finders = list(sys.meta_path)
    report = run_in_shadow(script(text))
    assert (report.exit_code, report.differences) == (0, ())
    assert report.not_compared == ()
    assert report.fingerprint["jax"] == jax.__version__
    (row,) = report.calls
    assert (row.mode, row.tally.compared) == (mode, compared)
    assert row.tally.identical == compared
    assert row.function == "sfmpe.util.dataloader.flatten_structured"
    assert row.bytes_old == row.bytes_new > 0
    assert (row.seconds_old is None) == (mode == "traced")
    # Arrays that agree are listed as well, including inputs.
    arrays = {each.path: each.tally.identical for each in row.arrays}
    assert arrays["args_after[0]['theta']['mu']"] == compared
    function = sys.modules["sfmpe.util.dataloader"].flatten_structured
    assert function.__code__.co_name == "flatten_structured"
    assert sys.meta_path == finders


PLANTED = {
    "label": ("values", "output[0]['labels']['theta'][0, 0]"),
    "mask": ("values", "output[0]['masks']['attention']['y'][0, 1, 2]"),
    "dtype": ("dtype", "output[0]['data']['y']"),
    "key order": ("key order", "output[1]['theta']"),
}


@pytest.mark.parametrize("text", [CALL, JIT, VMAP, SCAN])
@pytest.mark.parametrize("change", PLANTED)
def test_a_planted_defect_is_found_and_nothing_else(
    legacy, script, change, text
):
    legacy(change)
    report = run_in_shadow(script(text))
    assert report.exit_code == 1
    found = {(f.difference.kind, f.difference.path) for f in report.differences}
    assert found == {PLANTED[change]}
    assert [f.call for f in report.differences] == [
        *range(1, len(report.differences) + 1)
    ]
    assert report.not_compared == ()
    for each in report.differences if change == "mask" else ():
        old, new = np.array(each.masks.old), np.array(each.masks.new)
        assert old.shape == new.shape == (6, 6)
        assert np.argwhere(old != new).tolist() == [[1, 2]]


RAISING = """
try:
    flatten_structured(data(), independence=RULE)
except Exception as error:
    print("caught", type(error).__name__)
"""


@pytest.mark.parametrize("change", ["error", None])
def test_exceptions_are_compared_by_type_and_reach_the_script(
    legacy, script, capsys, change
):
    legacy(change)
    rule = None if change else {"cross_local": [("theta", "obs", None)]}
    report = run_in_shadow(script(f"RULE = {rule}{RAISING}"))
    assert capsys.readouterr().out.startswith("caught")
    assert report.exit_code == bool(change)
    found = [f.difference for f in report.differences]
    assert {(d.kind, d.stored) for d in found} == (
        {("exception", "raised LookupError")} if change else set()
    )


RANDOM = """
from flax import nnx
from sfmpe.cnf import CNF
class Field(nnx.Module):
    def __init__(self, rngs):
        self.scale = nnx.Param(jnp.asarray(0.5))
        self.drop = nnx.Dropout(0.5, rngs=rngs)
    def __call__(self, theta, time, context):
        return self.drop(self.scale * context.mean() - theta)
rngs = nnx.Rngs(7)
y, quiet = jnp.ones((1, 3)), Field(rngs)
quiet.eval()
flow = CNF(quiet, rngs=rngs)
print([flow.sample(y, (2,), 2).ravel().tolist() for _ in range(2)])
noisy, at = CNF(Field(rngs), rngs), (jnp.ones((4, 2)), jnp.ones((4, 1)), y)
print(noisy.vector_field(*at).ravel(), noisy.vector_field(*at).ravel())
print(jax.random.normal(rngs.params(), (2,)), rngs.default.count[...])
print(np.random.normal())
"""


def test_the_random_stream_of_the_script_is_never_drawn_from(
    legacy, script, shadowed
):
    legacy()
    report = shadowed(script("np.random.seed(5)\n" + RANDOM))
    assert report.exit_code == 0, report.differences
    rows = {row.function.rpartition(".")[2]: row for row in report.calls}
    assert rows["sample"].tally.compared == 2
    assert rows["vector_field"].tally.identical == 2


def test_what_was_not_compared_is_said(legacy, script):
    legacy()
    assert run_in_shadow(script("")).exit_code == 3
    assert run_in_shadow(script("sys.exit(9)")).exit_code == 9
    text = "jax.eval_shape(lambda t: flatten_structured(t)[0], data())"
    report = run_in_shadow(script(text))
    (left,) = report.not_compared
    assert "never executed" in left.why
    assert report.exit_code == 3


@pytest.mark.parametrize("text", [CALL + CALL, JIT, VMAP])
def test_calls_that_differ_are_saved_for_verify(
    legacy, script, tmp_path, monkeypatch, text
):
    monkeypatch.setattr("tfmpe.migrate.run.shadow._MAX_CAPTURES", 1)
    legacy("mask")
    saved = tmp_path / "differing"
    report = run_in_shadow(script(text), save_cases=saved)
    assert report.saved == 1, "equal inputs are saved once"
    (comparison,) = replayed(saved)
    assert comparison.differences[0] == report.differences[0].difference


def test_iterators_are_not_compared_and_still_whole(legacy, script, capsys):
    legacy()
    text = """
    from sfmpe.util.dataloader import as_batch_iterator
    rows = {"data": {"y": np.arange(20.0).reshape(10, 2)}}
    batches = as_batch_iterator(jax.random.key(3), rows, 4, True)
    print(sum(len(batch["data"]["y"]) for batch in batches))
    """
    (left,) = run_in_shadow(script(text)).not_compared
    assert capsys.readouterr().out == "10\n"
    assert "can be read only once" in left.why

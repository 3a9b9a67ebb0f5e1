"""Legacy and bridge side by side: what differs is found, and nothing else."""

import json
import sys

import jax
import numpy as np
import pytest

from tfmpe.migrate.legacy_names import is_below
from tfmpe.migrate.run.program import run_program
from tfmpe.migrate.run.shadow import run_in_shadow
from .conftest import replayed

EAGER = "flat, slices = flatten_structured(data(), independence=RULES)\n"
JIT = """
flatten = jax.jit(
    lambda tree: flatten_structured(tree, independence=RULES)[0]
)
flatten(data())
flatten(data())
"""
VMAP = """
one = jax.tree.map(lambda x: x[:, None], data(5))
flatten = jax.vmap(lambda t: flatten_structured(t, independence=RULES)[0])
flatten(one)
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


@pytest.mark.parametrize(
    ("text", "mode", "compared"),
    [
        (EAGER, "eager", 1),
        (JIT, "traced", 2),
        (VMAP, "traced", 5),
        (SCAN, "traced", 4),
        (GRAD, "traced", 1),
    ],
    ids=["eager", "jit", "vmap", "scan", "grad"],
)
def test_equal_sides_have_no_difference(legacy, script, text, mode, compared):
    legacy()
    report = run_in_shadow(script(text))
    assert report.exit_code == 0
    assert report.differences == ()
    assert report.not_compared == ()
    (row,) = report.calls
    assert (row.mode, row.tally.compared, row.tally.identical) == (mode, compared, compared)
    assert row.function == "sfmpe.util.dataloader.flatten_structured"
    assert row.bytes_old == row.bytes_new > 0
    assert (row.seconds_old is None) == (mode == "traced")


PLANTED = {
    "label": ("values", "output[0]['labels']['theta'][0, 0]"),
    "mask": ("values", "output[0]['masks']['attention']['y'][0, 1, 2]"),
    "dtype": ("dtype", "output[0]['data']['y']"),
    "key order": ("key order", "output[1]['theta']"),
}


@pytest.mark.parametrize("text", [EAGER, JIT, VMAP, SCAN])
@pytest.mark.parametrize("defect", PLANTED)
def test_a_planted_defect_is_found_and_nothing_else(
    legacy, script, defect, text
):
    legacy(defect)
    report = run_in_shadow(script(text), max_captures=1)
    assert report.exit_code == 1
    found = {(f.difference.kind, f.difference.path) for f in report.differences}
    assert found == {PLANTED[defect]}
    assert report.not_compared == ()


def test_both_masks_are_shown_where_they_differ(legacy, script):
    legacy("mask")
    (found,) = run_in_shadow(script(EAGER)).differences
    old, new = np.array(found.masks.old), np.array(found.masks.new)
    assert old.shape == new.shape == (6, 6)
    assert np.argwhere(old != new).tolist() == [[1, 2]]


@pytest.mark.parametrize(
    ("defect", "call", "stored"),
    [
        ("error", "data(), 1", "raised LookupError"),
        (None, "data(), independence={'cross_local': WRONG}", None),
    ],
)
def test_exceptions_are_compared_by_type_and_reach_the_script(
    legacy, script, capsys, defect, call, stored
):
    legacy(defect)
    report = run_in_shadow(
        script(
            f"""
            WRONG = [("theta", "obs", None)]
            try:
                flatten_structured({call})
            except Exception as error:
                print("caught", type(error).__name__)
            """
        )
    )
    assert capsys.readouterr().out.startswith("caught")
    assert report.exit_code == int(stored is not None)
    for found in report.differences:
        assert found.difference.kind == "exception"
        assert found.difference.stored == stored
        assert found.difference.found == "returned"


def test_an_exception_of_the_bridge_alone_is_a_difference(
    legacy, script, monkeypatch
):
    def fail(*args, **kwargs):
        raise KeyError("ours")

    legacy()
    monkeypatch.setattr("tfmpe.compat.util.dataloader.flatten_structured", fail)
    report = run_in_shadow(script(EAGER + "print(sorted(flat))"))
    (found,) = report.differences
    assert report.script_exit_code == 0
    assert found.difference.stored == "returned"
    assert found.difference.found == "raised KeyError ('ours')"


def test_arguments_that_the_legacy_call_changes_are_given_as_copies(
    legacy, script
):
    # With an extra entry both sides remove it from the tree of ints (L12).
    legacy()
    report = run_in_shadow(
        script(
            """
            tree = data() | {"y_index": {"obs": jnp.ones((2, 3, 2, 1))}}
            ndims = jax.tree.map(lambda leaf: 1, tree)
            flatten_structured(tree, data_batch_ndims=ndims)
            print(sorted(ndims))
            """
        )
    )
    assert report.differences == ()
    assert report.exit_code == 0


@pytest.mark.parametrize("nested", [False, True])
def test_calls_inside_a_compared_call_are_compared_when_told(
    legacy, script, nested
):
    legacy()
    text = """
    from sfmpe.nn.mlp import MLPVectorField
    from flax import nnx
    MLPVectorField(2, 3, 8, 1, 0.1, nnx.relu, nnx.Rngs(0))
    """
    report = run_in_shadow(script(text), nested=nested)
    names = {row.function.rpartition(".")[2] for row in report.calls}
    assert names >= {"MLPVectorField", *(["MLP"] if nested else [])}
    assert nested or len(names) == 1
    assert report.exit_code == 0


FLOW = """
from flax import nnx
from sfmpe.structured_cnf import StructuredCNF
from sfmpe.sfmpe import SFMPE
flat, slices = flatten_structured(data(1))
labels = flat["labels"]
class Field(nnx.Module):
    def __init__(self, rngs):
        self.scale = nnx.Param(jnp.asarray(0.5))
        self.drop = nnx.Dropout(0.5, rngs=rngs)
    def __call__(self, *, theta, context, **_):
        return self.drop(self.scale * context.mean() - theta)
rngs = nnx.Rngs(7)
quiet = Field(rngs)
quiet.eval()
cnf = StructuredCNF(quiet, rngs=rngs)
nine = dict(
    context=flat["data"]["y"], context_label=labels["y"], context_index=None,
    context_mask=None, theta_shape=(4, 1), theta_label=labels["theta"],
    theta_index=None, theta_mask=None, cross_mask=None,
)
"""
DRAWS = """
print(cnf.sample(**nine, sample_size=2).ravel())
print(cnf.sample(**nine, sample_size=2).ravel())
estim = SFMPE(cnf, rngs=rngs)
given = (flat["data"]["y"], labels, slices["theta"])
for _ in range(2):
    print(estim.sample_posterior(*given, n_samples=2)["theta"].ravel())
ten = {k: v for k, v in nine.items() if k != "theta_shape"}
ten |= {"theta": jnp.ones((1, 4, 1)), "time": jnp.ones((1, 1, 1))}
noisy = StructuredCNF(Field(rngs), rngs=rngs)
print(noisy.vector_field(**ten).ravel(), noisy.vector_field(**ten).ravel())
print(jax.random.normal(rngs.params(), (2,)), rngs.default.count[...])
"""


def test_the_random_stream_of_the_script_is_never_drawn_from(
    legacy, script, capsys
):
    legacy()
    program = script(FLOW + DRAWS)
    assert run_program(program) == 0
    alone = capsys.readouterr().out
    for name in [n for n in sys.modules if is_below(n, "sfmpe")]:
        del sys.modules[name]
    report = run_in_shadow(program)
    assert capsys.readouterr().out == alone
    assert report.not_compared == ()
    assert report.exit_code == 0, report.differences
    rows = {row.function.rpartition(".")[2]: row for row in report.calls}
    assert rows["sample"].tally.compared == 1
    assert rows["vector_field"].tally.identical == 2
    assert rows["sample_posterior"].tally.compared == 2
    assert rows["sample"].tally.identical == 1


def test_without_a_call_nothing_was_compared(legacy, script):
    legacy()
    assert run_in_shadow(script("")).exit_code == 3
    assert run_in_shadow(script("sys.exit(9)")).exit_code == 9


def test_a_traced_call_that_never_ran_is_said(legacy, script):
    legacy()
    report = run_in_shadow(
        script("jax.eval_shape(lambda t: flatten_structured(t)[0], data())")
    )
    (entry,) = report.not_compared
    assert "never executed" in entry.why
    assert report.exit_code == 3


@pytest.mark.parametrize("text", [EAGER + EAGER, JIT, VMAP])
def test_calls_that_differ_are_saved_for_verify(legacy, script, tmp_path, text):
    legacy("mask")
    saved = tmp_path / "differing"
    report = run_in_shadow(script(text), save_cases=saved, max_captures=1)
    assert report.saved == 1, "equal inputs are saved once"
    (comparison,) = replayed(saved)
    assert comparison.differences[0] == report.differences[0].difference


def test_nothing_is_watched_after_the_run(legacy, script):
    legacy()
    finders = list(sys.meta_path)
    report = run_in_shadow(
        script(
            EAGER,
        )
    )
    function = sys.modules["sfmpe.util.dataloader"].flatten_structured
    assert function.__code__.co_name == "flatten_structured"
    assert sys.meta_path == finders
    assert report.exit_code == 0

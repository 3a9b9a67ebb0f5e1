"""The legacy network and that of the bridge, with the same weights."""

import pytest

from tfmpe.migrate.runtime.recorded_run import record_run
from tfmpe.migrate.runtime.shadow import run_in_shadow
from tfmpe.migrate.verify.verify import verify

NETWORK = """
from flax import nnx
from sfmpe.nn.transformer.transformer import Transformer
from sfmpe.structured_cnf import StructuredCNF
config = dict(
    latent_dim=8, label_dim=2, index_out_dim=0, n_encoder=1, n_decoder=1,
    n_heads=2, n_ff=1, dropout=0.1,
)
rngs = nnx.Rngs(7)
network = Transformer(config, value_dim=1, n_labels=4, rngs=rngs)
network.eval()
flat, _ = flatten_structured(data(1))
given = dict(
    context=flat["data"]["y"], context_label=flat["labels"]["y"],
    context_index=None, context_mask=None,
    theta_label=flat["labels"]["theta"],
    theta_index=None, theta_mask=None, cross_mask=None,
)
ten = given | dict(theta=jnp.ones((1, 4, 1)), time=jnp.ones((1, 1, 1)))
print(rngs.params.count[...])
"""
CALLS = """
network(**ten)
jax.jit(lambda theta: network(**(ten | dict(theta=theta))))(ten["theta"])
StructuredCNF(network, rngs=rngs).vector_field(**ten)
"""


def _row(report, name, mode="eager"):
    (row,) = (
        row
        for row in report.calls
        if row.site.function.endswith(name) and row.mode == mode
    )
    return row


def test_the_same_weights_give_the_same_velocities(legacy, script):
    legacy()
    report = run_in_shadow(script(NETWORK + CALLS))
    assert report.exit_code == 0, report.differences
    assert report.not_compared == ()
    first = _row(report, ".Transformer")
    assert (first.compared, first.identical) == (1, 1)
    for name, mode in (
        ("Transformer.__call__", "eager"),
        ("Transformer.__call__", "traced"),
        ("vector_field", "eager"),
    ):
        row = _row(report, name, mode)
        assert (row.compared, row.different) == (1, 0), name


@pytest.mark.parametrize(
    ("defect", "names"),
    [
        ("weights", {"Transformer"}),
        (
            "network",
            {
                "Transformer.__call__",
                "sfmpe.structured_cnf.StructuredCNF.vector_field",
            },
        ),
    ],
)
def test_a_planted_defect_of_the_network_is_found(
    legacy, script, defect, names
):
    legacy(defect)
    report = run_in_shadow(script(NETWORK + CALLS))
    found = {
        row.site.function.removeprefix("sfmpe.nn.transformer.transformer.")
        for row in report.calls
        if row.different
    }
    assert found == names


def test_draws_are_those_of_the_bridge_with_its_network(legacy, script):
    draw = """
cnf = StructuredCNF(network, rngs=rngs)
cnf.sample(**given, theta_shape=(4, 1), theta_0=jnp.ones((1, 4, 1)))
"""
    legacy("network")
    report = run_in_shadow(script(NETWORK + draw))
    row = _row(report, "StructuredCNF.sample")
    # Where the network is the same on both sides, only steps differ.
    assert row.largest_absolute.value > 5e-4


@pytest.mark.parametrize("defect", [None, "names"])
def test_arguments_that_only_one_constructor_takes_are_a_difference(
    legacy, script, defect
):
    legacy(defect)
    text = NETWORK.replace("n_labels=4", "n_names=4")
    report = run_in_shadow(script(text))
    row = _row(report, ".Transformer")
    # Without the defect neither takes them.
    assert (row.identical, row.different) == (not defect, bool(defect))
    assert report.script_exit_code == int(not defect)


@pytest.mark.parametrize(
    ("change", "call", "why"),
    [
        (("network.eval()", ""), "network(**ten)", "it drops at random"),
        (
            ("rngs=rngs)\n", "rngs=rngs, activation=jnp.tanh)\n"),
            "network(**ten)",
            "it was made with its own activation",
        ),
        (
            ("network.eval()", "network.more = nnx.Param(jnp.ones(1))"),
            "network.eval(); network(**ten)",
            "its weights do not fit the bridge's network",
        ),
        (
            ("network.eval()", ""),
            "StructuredCNF(network, rngs=rngs).vector_field(**ten)",
            "its network is the legacy one on both sides: it drops at random",
        ),
    ],
)
def test_a_network_that_cannot_be_built_again_is_said(
    legacy, script, change, call, why
):
    legacy()
    report = run_in_shadow(script(NETWORK.replace(*change) + call))
    assert report.script_exit_code == 0
    (entry,) = report.not_compared
    assert entry.why.startswith(why)
    assert report.exit_code == 0, report.differences


def test_calls_of_a_network_are_recorded_and_replayed(legacy, script, tmp_path):
    legacy()
    report = record_run(script(NETWORK + CALLS), tmp_path / "golden")
    assert report.cases["Transformer.__call__"][0] == 2
    found = verify(tmp_path / "golden")
    assert found.exit_code == 0
    row = next(r for r in found.rows if r.function == "Transformer.__call__")
    assert (row.cases, row.different) == (2, 0)


def test_a_differing_call_of_a_network_is_saved_with_its_weights_then(
    legacy, script, tmp_path
):
    legacy("network")
    text = """
    jax.jit(lambda theta: network(**(ten | dict(theta=theta))))(ten["theta"])
    more = jax.tree.map(lambda x: x + 5, nnx.state(network, nnx.Param))
    nnx.update(network, more)
    StructuredCNF(network, rngs=rngs).vector_field(**ten)
    """.replace("\n    ", "\n")
    saved = tmp_path / "differing"
    report = run_in_shadow(script(NETWORK + text), save_cases=saved)
    assert report.saved == 1
    (note,) = report.notes
    assert note.site.function.endswith("vector_field")
    assert note.text.startswith("differs; not saved")
    (row,) = verify(saved).rows
    (result,) = row.results
    # One per cent of the velocity, not the five that were added later.
    assert 0 < result.comparison.largest_absolute.value < 0.5
    assert row.different == 1


def test_a_saved_call_of_a_field_of_the_script_is_said_to_be_lost(
    legacy, script, tmp_path
):
    legacy("draws")
    text = """
cnf = StructuredCNF(lambda *, theta, **_: -theta, rngs=rngs)
cnf.sample(**given, theta_shape=(4, 1), theta_0=jnp.ones((1, 4, 1)))
"""
    saved = tmp_path / "differing"
    report = run_in_shadow(script(NETWORK + text), save_cases=saved)
    assert report.saved == 1
    (note,) = report.notes
    assert note.text == (
        "saved, but cannot be replayed: it was given a vector field of the "
        "script's own"
    )
    (entry,) = verify(saved).not_replayed
    assert entry.reason == "holds a value that could not be recorded"

"""Rules T201 to T205: flows, estimators, training."""

from .entry import Rule

__all__ = ["FLOWS"]

FLOWS = (
    Rule(
        "T201",
        "structured-cnf",
        "a legacy flow is made",
        "manual",
        text=(
            "`ContinuousFlow` integrates a vector field of three arguments: "
            "target, conditioning, time. Random keys are arguments of its "
            "calls, not state that it holds (L20)."
        ),
        todo=(
            "Write the field anew (T207), wrap it in `ContinuousFlow`, and "
            "pass `key=` where you sample. A trained legacy network keeps its "
            "meaning only in the bridge; there is no need to move it."
        ),
        rewrite="Never: the field has to be written anew.",
        before="""\
from flax import nnx
from sfmpe.structured_cnf import StructuredCNF


def old_field(*, theta, time, context, **others):
    return context.mean() - theta


cnf = StructuredCNF(old_field, rngs=nnx.Rngs(0))
""",
        after="""\
from tfmpe import Tokens
from tfmpe.estimators import ContinuousFlow


def new_field(target, conditioning, time):
    return conditioning.data.mean() - target.data


flow = ContinuousFlow(new_field)
tokens = Tokens.from_pytree({**theta, **y}, rules)
one = jax.tree.map(lambda leaf: leaf[0], tokens)
draws = flow.sample(one, ["mu"], ["obs"], key=jax.random.key(0), n_samples=4)
""",
        check="assert draws.shape == (4, 1, 1)\n",
    ),
    Rule(
        "T202",
        "nine-arguments",
        "sample with nine arguments",
        "safe",
        text=(
            "Nine arguments by position are easy to exchange: three of them "
            "are labels, inputs or masks of the same shapes. By keyword the "
            "call says what is what; on Tokens it is one object and two lists "
            "of keys."
        ),
        todo=(
            "Later, on Tokens: `flow.sample(tokens, target_keys, "
            "conditioning_keys, key=key)`. `tfmpe.compat.nine_arguments` "
            "makes the nine of Tokens, for flows that stay."
        ),
        rewrite=(
            "`tfmpe fix --to tokens` names the arguments where nine or more "
            "are given one by one, in the order of the signature, so that "
            "what is called is the same. Where the object could not be "
            "followed to a legacy flow, nine arguments are the only sign of "
            "it: only with `--unsafe-fixes`. With a `*sequence` it cannot "
            "count. It never invents the Tokens."
        ),
        before="""\
from flax import nnx
from sfmpe.structured_cnf import StructuredCNF

cnf = StructuredCNF(lambda *, theta, **_: 1 - theta, rngs=nnx.Rngs(0))
context = y["obs"][:1].reshape(1, 15, 1)
label, seen = jnp.zeros((1, 6), int), jnp.ones((1, 15), int)
start = jnp.zeros((1, 6, 1))
old = cnf.sample(
    context, seen, None, None, (6, 1), label, None, None, None, theta_0=start
)
""",
        after="""\
new = cnf.sample(
    context=context,
    context_label=seen,
    context_index=None,
    context_mask=None,
    theta_shape=(6, 1),
    theta_label=label,
    theta_index=None,
    theta_mask=None,
    cross_mask=None,
    theta_0=start,
)
""",
        check="assert np.array_equal(old, new)\n",
    ),
    Rule(
        "T203",
        "log-prob",
        "log_prob of a legacy flow",
        "safe",
        text=(
            "The same nine, in another order, with `theta` for "
            "`theta_shape`. The legacy density is not that of the samples "
            "(L18), whether called by position or by keyword."
        ),
        todo=(
            "Pass `fix=['L18']` to `StructuredCNF` if you want the density of "
            "what is drawn. On Tokens: `flow.log_prob(tokens, target_keys, "
            "conditioning_keys)`, exact where there are few values."
        ),
        rewrite=(
            "As T202: names for positional arguments. It does not turn L18 "
            "off, since that changes numbers."
        ),
        before="""\
from flax import nnx
from sfmpe.structured_cnf import StructuredCNF

# Even in time, so that L18 does not show.
cnf = StructuredCNF(lambda *, theta, **_: -theta, nnx.Rngs(0))
values = jnp.zeros((1, 2, 1))
label, context = jnp.zeros((1, 2), int), jnp.ones((1, 1, 1))
old = cnf.log_prob(
    *(values, label, None, None), *(context, label[:, :1], None, None), None
)
""",
        after="""\
from tfmpe import Tokens
from tfmpe.estimators import ContinuousFlow

tokens = Tokens.from_pytree(
    {"mu": jnp.zeros((1, 2, 1)), "obs": jnp.ones((1, 1, 1))}, {}
)
flow = ContinuousFlow(lambda target, conditioning, time: -target.data)
new = flow.log_prob(tokens, ["mu"], ["obs"], exact=True)
""",
        # The legacy trace is estimated, here of a linear field.
        check="assert abs(float(old[0]) - float(new[0])) < 2\n",
    ),
    Rule(
        "T204",
        "sfmpe",
        "a legacy estimator",
        "manual",
        text=(
            "`SFMPE` takes flat dictionaries, labels, slices, masks and index "
            "at every call. `FlowMatchingEstimator` takes Tokens and the two "
            "lists of keys, standardises, maps bounded values, and gives "
            "Tokens back."
        ),
        todo=(
            "Build Tokens (T101), then fit and sample with keys. Training "
            "draws other random numbers, so compare posteriors, not numbers. "
            "Until then the bridge trains and samples as before."
        ),
        rewrite="Never: it would train another network.",
        before="""\
from flax import nnx
from sfmpe.sfmpe import SFMPE
from sfmpe.structured_cnf import StructuredCNF
from sfmpe.util.dataloader import flatten_structured

flat, slices = flatten_structured({"theta": {"mu": theta["mu"]}, "y": y})
rngs = nnx.Rngs(0)
cnf = StructuredCNF(lambda *, theta, **_: 1 - theta, rngs=rngs)
old = SFMPE(cnf, rngs=rngs).sample_posterior(
    flat["data"]["y"][:1],
    flat["labels"],
    slices["theta"],
    theta_0=jnp.zeros((1, 1, 1)),
    n_samples=1,
)
""",
        after="""\
from tfmpe import Tokens
from tfmpe.estimators import FlowMatchingEstimator


def field(target, conditioning, time):
    return 1 - target.data


tokens = Tokens.from_pytree({"mu": theta["mu"], **y}, {})
one = jax.tree.map(lambda leaf: leaf[0], tokens)
estimator = FlowMatchingEstimator(field, standardise=False)
new = estimator.sample(
    one,
    ["mu"],
    ["obs"],
    key=jax.random.key(0),
    theta_0=jnp.zeros((1, 1, 1)),
).decode()
""",
        check='assert np.allclose(old["mu"], new["mu"], atol=1e-3)\n',
    ),
    Rule(
        "T205",
        "train-bottom-up",
        "bottom-up training",
        "manual",
        text=(
            "The legacy rounds know one level of locals, named by "
            "`global_names` and `local_names`, and have defects of their own "
            "(L19, L24, L26). `tfmpe.estimators.train_bottom_up` takes plates "
            "of any depth, draws fresh noise, and keeps every simulation."
        ),
        todo=(
            "Say of each key which plates it is in, `plates={'mu': (), "
            "'theta': ('site',), 'obs': ('site',)}`; the prior gets the sizes "
            "of the plates. "
            "`examples/` have three, each in both forms."
        ),
        rewrite=(
            "Never. What surrounds the call, the swaps and selections of its "
            "results, is T301 to T304."
        ),
        before="""\
from inspect import signature

from sfmpe.bottom_up import train_bottom_up

old = list(signature(train_bottom_up).parameters)
""",
        after="""\
from tfmpe.estimators import train_bottom_up

new = list(signature(train_bottom_up).parameters)
""",
        check="""\
assert {"global_names", "local_names", "n_local"} <= set(old)
assert {"plates", "sizes"} <= set(new)
""",
    ),
)

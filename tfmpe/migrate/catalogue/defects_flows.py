"""Defects L18 to L23: sampling, densities, networks."""

from .entry import Defect

__all__ = ["FLOW_DEFECTS"]

FLOW_DEFECTS = (
    Defect(
        "L18",
        "negative-time",
        "log_prob hands the vector field negative times",
        text=(
            "`log_prob` hands the vector field negative times, `sample` "
            "positive ones: the density is not that of the samples unless the "
            "field is even in time (off by up to 10 nats in the recordings)."
        ),
        cost="Densities, and all that is computed from them, are wrong.",
        core="`log_prob` is the density of what `sample` draws.",
        before="""\
from flax import nnx
from sfmpe.structured_cnf import StructuredCNF

# Pushes everything up by 1 between times 0 and 1.
cnf = StructuredCNF(
    lambda *, theta, time, **_: 2 * time + 0 * theta, nnx.Rngs(0)
)
at, label = jnp.ones((1, 1, 1)), jnp.zeros((1, 1), int)
old = cnf.log_prob(at, label, None, None, at, label, None, None, None)
assert old[0] < -2.9  # the density of 2 from the centre
""",
        after="""\
from tfmpe import Tokens
from tfmpe.estimators import ContinuousFlow

flow = ContinuousFlow(
    lambda target, conditioning, time: 2 * time + 0 * target.data
)
tokens = Tokens.from_pytree({"mu": at, "obs": at}, {})
new = flow.log_prob(tokens, ["mu"], ["obs"], exact=True)
assert abs(new[0] + 0.919) < 1e-3  # at the centre
""",
    ),
    Defect(
        "L19",
        "repeated-noise",
        "the estimator repeats the same base draw at every call",
        text=(
            "`SFMPE` repeats the same base draw (and probes) at every call "
            "until it is trained again, and shares it under `vmap`: all data "
            "that bottom-up training simulates come from one noise vector."
        ),
        cost=(
            "Draws that should be independent are copies; training on them "
            "sees one noise."
        ),
        core="Noise follows from the key of the call.",
        before="""\
from flax import nnx
from sfmpe.sfmpe import SFMPE
from sfmpe.structured_cnf import StructuredCNF
from sfmpe.util.dataloader import flatten_structured

flat, slices = flatten_structured({"theta": {"mu": theta["mu"]}, "y": y})
rngs = nnx.Rngs(0)
estimator = SFMPE(StructuredCNF(lambda *, theta, **_: -theta, rngs), rngs)
given = (flat["data"]["y"][:1], flat["labels"], slices["theta"])
first = estimator.sample_posterior(*given, n_samples=2)
second = estimator.sample_posterior(*given, n_samples=2)
assert np.array_equal(first["mu"], second["mu"])
""",
        after="""\
from tfmpe import Tokens
from tfmpe.estimators import ContinuousFlow

flow = ContinuousFlow(lambda target, conditioning, time: -target.data)
one = Tokens.from_pytree({"mu": theta["mu"][:1], "obs": y["obs"][:1]}, {})
new = [
    flow.sample(one, ["mu"], ["obs"], key=key, n_samples=2)
    for key in jax.random.split(jax.random.key(0))
]
assert not np.array_equal(*new)
""",
    ),
    Defect(
        "L20",
        "shared-rngs",
        "instances without rngs share one object",
        text=(
            "Instances without `rngs` share one `nnx.Rngs(0)`, so what one "
            "draws depends on what others drew."
        ),
        cost=(
            "Results change with code that has nothing to do with them, and "
            "cannot be repeated in another order."
        ),
        core="Keys are explicit.",
        before="""\
from sfmpe.structured_cnf import StructuredCNF


def field(*, theta, **_):
    return -theta


one, other = StructuredCNF(field), StructuredCNF(field)
assert one.rngs is other.rngs
""",
        after="""\
from tfmpe.estimators import ContinuousFlow

flow = ContinuousFlow(lambda target, conditioning, time: -target.data)
assert not hasattr(flow, "rngs")
""",
    ),
    Defect(
        "L21",
        "padded-values",
        "padding takes part as if it were values",
        text=(
            "Tokens are drawn as wide as theta's widest key, though in "
            "training they were as wide as the widest key of both sides, so "
            "sampling fails where y is wider; and padded columns enter the "
            "loss as -1e8."
        ),
        cost="The loss is dominated by padding, or sampling raises.",
        core="Padding enters neither network nor loss.",
        before="""\
from flax import nnx
from sfmpe.sfmpe import SFMPE
from sfmpe.structured_cnf import StructuredCNF
from sfmpe.util.dataloader import flatten_structured

wide = {"theta": {"mu": theta["mu"]}, "y": {"obs": jnp.zeros((8, 1, 2))}}
flat, slices = flatten_structured(wide)
assert flat["data"]["theta"].shape == (8, 1, 2)
cnf = StructuredCNF(lambda *, theta, **_: -theta, nnx.Rngs(0))
drawn = SFMPE(cnf, nnx.Rngs(0)).sample_posterior_encoded(
    flat["data"]["y"][:1],
    flat["labels"],
    slices["theta"],
    theta_0=jnp.zeros((1, 1, 1)),
    n_samples=1,
)
assert drawn.shape == (1, 1, 1)
""",
        after="""\
from tfmpe import Tokens
from tfmpe.estimators import ContinuousFlow

flow = ContinuousFlow(lambda target, conditioning, time: -target.data)
tokens = Tokens.from_pytree({**wide["theta"], **wide["y"]}, {})
one = jax.tree.map(lambda leaf: leaf[0], tokens)
drawn = flow.sample(one, ["mu"], ["obs"], key=jax.random.key(0))
assert drawn.shape == (1, 1, 2)
assert one.select_tokens(["mu"]).decode(drawn)["mu"].shape == (1, 1, 1)
""",
    ),
    Defect(
        "L22",
        "masks-without-effect",
        "two of the three masks do nothing in the legacy network",
        text=(
            "The encoder of the legacy network drops what its attention "
            "gives: theta and context masks do nothing in it, theta tokens "
            "never see one another, and a token that may attend to nothing "
            "attends to everything. It is reproduced, so that trained weights "
            "keep their meaning; there is no `fix`."
        ),
        cost="Rules within a side have no effect on what is learnt.",
        core="`tfmpe.nn.Transformer` obeys every mask.",
        before="""\
from flax import nnx
from sfmpe.nn.transformer.transformer import Transformer

config = {
    "latent_dim": 8,
    "label_dim": 2,
    "index_out_dim": 0,
    "n_encoder": 1,
    "n_decoder": 1,
    "n_heads": 2,
    "n_ff": 1,
    "dropout": 0.0,
    "activation": nnx.relu,
}
network = Transformer(config, 1, 2, 0, rngs=nnx.Rngs(0))
given = {
    "theta": jnp.array([[[0.0], [1.0]]]),
    "theta_label": jnp.zeros((1, 2), int),
    "theta_index": None,
    "time": jnp.zeros((1, 1, 1)),
    "context": jnp.ones((1, 1, 1)),
    "context_label": jnp.ones((1, 1), int),
    "context_index": None,
    "context_mask": None,
    "cross_mask": None,
}
closed = jnp.eye(2)[None, None]
assert np.array_equal(
    network(theta_mask=None, **given), network(theta_mask=closed, **given)
)
""",
    ),
    Defect(
        "L23",
        "compiled-anew",
        "every sample_posterior is compiled anew",
        text=(
            "The legacy package compiles every `sample_posterior` anew. The "
            "shim does not: nothing depends on it."
        ),
        cost="Seconds at every call.",
        core="Once per layout and shapes.",
    ),
)

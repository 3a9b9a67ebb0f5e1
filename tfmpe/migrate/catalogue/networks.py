"""Rules T206 to T208: networks, vector fields, losses."""

from .entry import Rule

__all__ = ["NETWORKS"]

NETWORKS = (
    Rule(
        "T206",
        "transformer",
        "the legacy network",
        "manual",
        text=(
            "The legacy `Transformer` ignores two of its three masks (L22), "
            "and the bridge keeps it so, since trained weights depend on it. "
            "`tfmpe.nn.Transformer` obeys every mask and computes only the "
            "pairs that the rules open."
        ),
        todo=(
            "Train the new one: `Transformer.for_tokens(tokens, config)` "
            "reads widths and labels from the Tokens. Weights cannot be "
            "carried over."
        ),
        rewrite="Never: it is another network.",
        before="""\
from flax import nnx
from sfmpe.nn.transformer.transformer import Transformer as Old

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
old = Old(config, value_dim=1, n_labels=3, index_dim=0, rngs=nnx.Rngs(0))
""",
        after="""\
from tfmpe import Tokens
from tfmpe.nn import Transformer, TransformerConfig

tokens = Tokens.from_pytree({**theta, **y}, rules)
new = Transformer.for_tokens(
    tokens,
    TransformerConfig(
        latent_dim=8, n_heads=2, n_encoder_layers=0, n_decoder_layers=1
    ),
    rngs=nnx.Rngs(0),
)
target = tokens.select_tokens(["mu", "theta"])
given = tokens.select_tokens(["obs"])
velocity = nnx.eval_shape(new, target, given, jnp.zeros(8))
""",
        check="assert velocity.shape == target.data.shape\n",
    ),
    Rule(
        "T207",
        "vector-field",
        "a vector field of ten keywords",
        "manual",
        text=(
            "Ten keywords become three arguments: two views, which have data, "
            "labels, functional inputs and masks, and the time."
        ),
        todo=(
            "`theta` is `target.data`, `theta_label` is `target.labels`, "
            "`theta_mask` is `target.attention_mask()`, `cross_mask` is "
            "`target.attention_mask(conditioning)`, and so on: see the table "
            "of the nine arguments."
        ),
        rewrite="Never: what a field computes is yours.",
        before="""\
def old_field(*, theta, theta_label, context, time, **others):
    return jnp.where(theta_label[..., None] == 0, 1, time) - theta


label = jnp.zeros((1, 6), int)
old = old_field(
    theta=jnp.ones((1, 6, 1)),
    theta_label=label.at[:, 1:].set(2),
    context=None,
    time=jnp.full((1, 1, 1), 0.5),
)
""",
        after="""\
from tfmpe import Tokens


def new_field(target, conditioning, time):
    return jnp.where(target.labels[..., None] == 0, 1, time) - target.data


tokens = Tokens.from_pytree({**theta, **y}, rules)
one = jax.tree.map(lambda leaf: jnp.ones_like(leaf[:1]), tokens)
new = new_field(
    one.select_tokens(["mu", "theta"]), None, jnp.full((1, 1, 1), 0.5)
)
""",
        check="assert np.array_equal(old, new)\n",
    ),
    Rule(
        "T208",
        "loss-parts",
        "parts of the legacy loss",
        "manual",
        text=(
            "`theta_t_linear` and `ut_linear` are the straight path of flow "
            "matching. `flow_matching_loss` has the path, the velocity and "
            "what to do with padding in one."
        ),
        todo=(
            "If you train with a loop of your own, call `flow_matching_loss`; "
            "it returns the sum and the number of values. Its times are "
            "spread over the batch, so losses are less noisy, not equal."
        ),
        rewrite="Never: random numbers differ.",
        before="""\
from sfmpe.fmpe import theta_t_linear, ut_linear

times = jnp.full((8, 1, 1), 0.5)
noise = jax.random.normal(jax.random.key(0), (8, 1, 1))
position = theta_t_linear(noise, times, theta["mu"], 0.001)
old = ut_linear(position, theta["mu"], times, 0.001)
""",
        after="""\
from tfmpe import Tokens
from tfmpe.estimators import flow_matching_loss

tokens = Tokens.from_pytree({**theta, **y}, rules)
total, n_values = flow_matching_loss(
    lambda target, conditioning, time: -target.data,
    tokens.select_tokens(["mu"]),
    tokens.select_tokens(["obs"]),
    jnp.ones(8),
    jax.random.key(0),
)
""",
        check="assert old.shape == (8, 1, 1)\nassert n_values == 8\n",
    ),
)

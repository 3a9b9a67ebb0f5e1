"""Rules T106 to T112: padding, positions, batches, arguments of attention."""

from .entry import Rule

__all__ = ["DATA_PARTS"]

DATA_PARTS = (
    Rule(
        "T106",
        "pad",
        "an array is padded by hand",
        "manual",
        text=(
            "Padding by hand makes arrays of different sizes fit to be "
            "stacked, and then somebody has to know what is real. "
            "`concatenate_tokens` pads each key and knows."
        ),
        todo=(
            "If the padded arrays are stacked, join the Tokens instead. If "
            "you need the padded array for itself, use `jnp.pad`."
        ),
        rewrite="Never: what the padding is for cannot be seen at the call.",
        before="""\
from sfmpe.util.dataloader import pad_multidim_event

old = pad_multidim_event(y["obs"], 1, (6, 4))
""",
        after="""\
from tfmpe import PAD_VALUE

new = jnp.pad(
    y["obs"], [(0, 0), (0, 1), (0, 1), (0, 0)], constant_values=PAD_VALUE
)
""",
        check="assert np.array_equal(old, new)\n",
    ),
    Rule(
        "T107",
        "token-index",
        "positions of tokens",
        "manual",
        text="NumPy has both directions, for all tokens at once.",
        todo="If a position is used to find a key, read `tokens.key_order`.",
        rewrite="Never: a loop over positions is better written anew.",
        before="""\
from sfmpe.util.dataloader import event_indices, flatten_index_tuple

old = event_indices((5, 3), 0)
place = flatten_index_tuple((1, 1), (5, 3))
""",
        after="""\
new = list(np.arange(5 * 3).reshape(5, 3))
there = np.ravel_multi_index((1, 1), (5, 3))
""",
        check="assert np.array_equal(old, new)\nassert place == there == 4\n",
    ),
    Rule(
        "T108",
        "flatten-index",
        "functional inputs are flattened",
        "manual",
        text=(
            "The legacy index has a value for every key, and its rows follow "
            "the sorted keys (L1). On Tokens only keys that have inputs get "
            "them, once for all samples or for each, and rows follow the data."
        ),
        todo=(
            "Pass the tree as `functional_inputs=` when building, without "
            "dummies for keys that have none; read `view.functional_inputs`."
        ),
        rewrite="Never: dummies cannot be told from values.",
        before="""\
from sfmpe.util.dataloader import _flatten_index

times = jnp.broadcast_to(jnp.arange(3.0)[:, None], (8, 5, 3, 1))
old = _flatten_index({"obs": times}, -1e8, 1)
""",
        after="""\
from tfmpe import Tokens

tokens = Tokens.from_pytree(
    {**theta, **y}, rules, functional_inputs={"obs": times[0]}
)
new = tokens.select_tokens(["obs"]).functional_inputs
""",
        check="assert np.array_equal(old, new)\n",
    ),
    Rule(
        "T109",
        "encode-unknown-theta",
        "a call that never returned",
        "manual",
        text=(
            "`encode_unknown_theta` raised a `TypeError` at every call. The "
            "bridge raises one, too, and says what to use."
        ),
        todo=(
            "Remove it. Labels and masks of parameters that are not known "
            "follow from the layout; give any values of the right shape."
        ),
        rewrite="Never; the script cannot have reached the line.",
        before="""\
from sfmpe.util.dataloader import encode_unknown_theta

try:
    encode_unknown_theta({})
except TypeError as error:
    said = str(error)
""",
        after="""\
from tfmpe import Tokens

tokens = Tokens.from_pytree({**theta, **y}, rules)
labels = tokens.select_tokens(["mu", "theta"]).labels
""",
        check='assert "Tokens" in said\nassert labels.shape == (8, 6)\n',
    ),
    Rule(
        "T110",
        "split-and-batches",
        "data are split or batched",
        "manual",
        text=(
            "Tokens are a pytree whose arrays all have the samples first, so "
            "rows are taken by `jax.tree.map`, and `train_validation_split` "
            "and `minibatches` do what is usually wanted. `minibatches` is "
            "one array with an axis of steps, made for `lax.scan`."
        ),
        todo=(
            "Which rows come where depends on the shuffle, and it is not the "
            "legacy one: numbers of training change. An unshuffled split is "
            "the same."
        ),
        rewrite="Never: it would change which rows are trained on.",
        before="""\
from sfmpe.utils import split_data

train, validation = split_data(theta, 8, split=0.75)
""",
        after="""\
from tfmpe import Tokens, minibatches, train_validation_split

tokens = Tokens.from_pytree({**theta, **y}, rules)
training, held_out = train_validation_split(tokens, 0.75)
batches = minibatches(training, 3, jax.random.key(0))
""",
        check="""\
old, new = train["theta"], training.decode()["theta"]
assert np.array_equal(old, new)
assert batches.sample_shape == (2, 3)
""",
    ),
    Rule(
        "T111",
        "pad-value",
        "the value of padding",
        "safe",
        text="The same number, -1e8, under the same name.",
        todo=(
            "Better not to compare with it: `tokens.padding_mask` and "
            "`view.value_mask` say what is real, also in integers (L14)."
        ),
        rewrite="`tfmpe fix --to tokens` imports it from `tfmpe`.",
        before="from sfmpe.util.dataloader import PAD_VALUE as old\n",
        after="from tfmpe import PAD_VALUE as new\n",
        check="assert old == new == -1e8\n",
    ),
    Rule(
        "T112",
        "attention-arguments",
        "masks are combined",
        "manual",
        text=(
            "`_make_attention_masks` multiplies rules and padding into three "
            "4-D masks. `attention_mask()` of a view is one of them, bool, "
            "and gives a row that may see nothing its own token, since a "
            "softmax over a fully masked row attends to everything."
        ),
        todo=(
            "`target.attention_mask()`, `given.attention_mask()` and "
            "`target.attention_mask(given)`, in the legacy order theta, "
            "context, cross."
        ),
        rewrite="Never: rows without any open pair differ on purpose.",
        before="""\
from sfmpe.sfmpe import _make_attention_masks
from sfmpe.util.dataloader import flatten_structured

flat, _ = flatten_structured({"theta": theta, "y": y}, independence=rules)
old = _make_attention_masks(flat["masks"])
""",
        after="""\
from tfmpe import Tokens

tokens = Tokens.from_pytree({**theta, **y}, rules)
target = tokens.select_tokens(["mu", "theta"])
given = tokens.select_tokens(["obs"])
cross = target.attention_mask(given)
""",
        check="""\
assert cross.shape == old[2].shape == (1, 1, 6, 15)
theta_rows = slice(1, None)  # mu may see no obs
assert np.array_equal(cross[..., theta_rows, :], old[2][..., theta_rows, :])
""",
    ),
)

"""Defects L11 to L17: widths, dtypes, padding, joining."""

from .entry import Defect

__all__ = ["VALUES"]

VALUES = (
    Defect(
        "L11",
        "width-of-extras",
        "an entry that is not flattened widens every token",
        text=(
            "Tokens are as wide as the widest leaf of theta, y **and** any "
            "other entry of the data: `theta_index` with 6 columns widens the "
            "data to 6."
        ),
        cost="Networks get columns of -1e8, and memory several times over.",
        core="Only keys count, there are no other entries.",
        before="""\
from sfmpe.util.dataloader import flatten_structured

flat, _ = flatten_structured(
    {"theta": theta, "y": y, "weights": jnp.ones((8, 6))}
)
assert flat["data"]["theta"].shape == (8, 6, 6)
""",
        after="""\
from tfmpe import Tokens

tokens = Tokens.from_pytree({**theta, **y}, {})
assert tokens.width == 1
""",
    ),
    Defect(
        "L12",
        "caller-changed",
        "the caller's data_batch_ndims is changed in place",
        text=(
            "The caller's `data_batch_ndims` is changed in place if "
            "`theta_index` or `y_index` is in the data."
        ),
        cost="The second call with the same dictionary is another call.",
        core="Arguments are never changed.",
        before="""\
from sfmpe.util.dataloader import flatten_structured

ndims = {"theta": {"mu": 1, "theta": 1}, "y": {"obs": 1}}
extra = {"theta_index": {"mu": theta["mu"]}}
flatten_structured({"theta": theta, "y": y, **extra}, 1, ndims)
assert "theta_index" in ndims
""",
        after="""\
from tfmpe import Tokens

ndims = {"mu": 1, "theta": 1, "obs": 1}
Tokens.from_pytree({**theta, **y}, {}, batch_ndims=ndims)
assert len(ndims) == 3
""",
    ),
    Defect(
        "L13",
        "sample-axes",
        "labels and masks have as many leading axes as there are samples' axes",
        text=(
            "An array of shape (samples, values) is one token. With two "
            "sample axes labels are (1, 1, tokens) and masks (1, tokens, "
            "tokens); with none, labels are (tokens,)."
        ),
        cost="Broadcasting against the data fails or does too much.",
        core=(
            "The first is the same; labels have the sample axes, masks none."
        ),
        before="""\
from sfmpe.util.dataloader import flatten_structured

# Four times two simulations.
flat, _ = flatten_structured(
    {
        "theta": {"mu": jnp.zeros((4, 2, 1, 1))},
        "y": {"obs": jnp.zeros((4, 2, 3, 1))},
    },
    data_sample_ndims=2,
)
assert flat["labels"]["y"].shape == (1, 1, 3)
""",
        after="""\
from tfmpe import Tokens

tokens = Tokens.from_pytree(
    {"obs": jnp.zeros((4, 2, 3, 1))}, {}, sample_ndims=2
)
assert tokens.labels.shape == (4, 2, 3)
assert tokens.self_attention_mask.shape == (3, 3)
""",
    ),
    Defect(
        "L14",
        "pad-value-overflow",
        "the pad value changes where it does not fit the dtype",
        text=(
            "NumPy goes in and jax comes out, float64 as float32. The pad "
            "value -1e8 becomes -128 in int8, 0 in uint8, True in bool, -inf "
            "in float16 (this warns). Python lists raise."
        ),
        cost="Padding looks like a value that the data could have.",
        core=(
            "The same dtypes; nothing computes with padding, masks say where "
            "it is."
        ),
        before="""\
from sfmpe.util.dataloader import flatten_structured

counts = {
    "theta": {"n": np.ones((8, 1, 1), np.uint8)},
    "y": {"obs": np.ones((8, 1, 2), np.uint8)},
}
flat, _ = flatten_structured(counts)
assert flat["data"]["theta"][0, 0].tolist() == [1, 0]
""",
        after="""\
from tfmpe import Tokens

tokens = Tokens.from_pytree({**counts["theta"], **counts["y"]}, {})
assert tokens.value_mask[0].tolist() == [[True, False], [True, True]]
""",
    ),
    Defect(
        "L15",
        "values-under-padding",
        "values of excluded tokens stay as they are",
        text=(
            "Values of tokens that the padding mask excludes stay as they "
            "are, and theta and y may differ in their number of samples."
        ),
        cost="Whoever forgets the mask computes with them.",
        core="The first is the same; all keys have the same samples.",
    ),
    Defect(
        "L16",
        "parts-dropped",
        "combine_data drops what one argument lacks",
        text=(
            "`combine_data` silently drops attention masks, index or labels "
            "that one argument lacks, and always makes a padding mask, in the "
            "dtype of the data."
        ),
        cost="Training goes on without rules, or without times.",
        core="What does not fit is an error that lists all reasons.",
        before="""\
from sfmpe.util.dataloader import combine_data, flatten_structured

data = {"theta": theta, "y": y}
ruled, _ = flatten_structured(data, independence=rules)
free, _ = flatten_structured(data)
assert "attention" not in combine_data(ruled, free)["masks"]
""",
        after="""\
from tfmpe import IndependenceError, Tokens, concatenate_tokens

ruled = Tokens.from_pytree({**theta, **y}, rules)
free = Tokens.from_pytree({**theta, **y}, {})
try:
    concatenate_tokens(ruled, free)
except (IndependenceError, ValueError) as error:
    said = str(error)
""",
        check="assert said\n",
    ),
    Defect(
        "L17",
        "samples-mixed-up",
        "joined labels are padded with a real label",
        text=(
            "Joined labels are padded with 0, which is also a real label; "
            "masks, labels and index get as many rows as y has samples; axis "
            "1 is padded whatever it is. (Different samples, or several "
            "sample axes, warn.)"
        ),
        cost=(
            "Padding looks like the first key, and masks may not fit the data."
        ),
        core="Labels follow from the layout, padding follows each key.",
        before="""\
from sfmpe.util.dataloader import combine_data, flatten_structured

one_theta = {"theta": {"mu": theta["mu"]}, "y": {"obs": y["obs"][:4]}}
flat, _ = flatten_structured(one_theta)
old = combine_data(flat, flat)
assert old["data"]["theta"].shape[0] == 16
assert old["labels"]["theta"].shape[0] == 8
""",
        after="""\
from tfmpe import Tokens, concatenate_tokens

tokens = Tokens.from_pytree({"mu": theta["mu"][:4], "obs": y["obs"][:4]}, {})
new = concatenate_tokens(tokens, tokens)
assert len(new.data) == len(new.labels) == 8
""",
    ),
)

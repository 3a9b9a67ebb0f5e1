"""Rules T101 to T105: data, decoding, joining, masks."""

from .entry import Rule

__all__ = ["DATA"]

DATA = (
    Rule(
        "T101",
        "flatten-structured",
        "data are flattened",
        "unsafe",
        text=(
            "`flatten_structured` returns data, labels, masks and index, each "
            "once for `theta` and once for `y`, and slices beside them. On "
            "Tokens all keys are in one array, and which of them are inferred "
            "is said at the use: `tokens.select_tokens([...])`. Labels and "
            "masks follow from the layout; there is no copy of them to keep "
            "in step."
        ),
        todo=(
            "Build once, with the keys of both sides. Take views where "
            "`flat['data']['theta']` and `flat['data']['y']` were read. "
            "Look at the rules: one that names a key that does not exist is "
            "an error now. Masks are bool and have no leading axis."
        ),
        rewrite=(
            "`tfmpe fix --to tokens --unsafe-fixes` does it where the result "
            "is taken apart into two names that are only read: "
            "`flat['data'][side]`, labels, index, masks, `slices[side]`, "
            "`decode_theta`, `combine_data`. It does not where one of them "
            "is returned, stored, changed or passed on as a whole, nor where "
            "the data are made in the call or have a `pad_value`."
        ),
        before="""\
from sfmpe.util.dataloader import flatten_structured

flat, slices = flatten_structured({"theta": theta, "y": y}, independence=rules)
context = flat["data"]["y"]
""",
        after="""\
from tfmpe import Tokens

tokens = Tokens.from_pytree({**theta, **y}, independence=rules)
given = tokens.select_tokens(["obs"]).data
""",
        check="assert np.array_equal(context, given)\n",
    ),
    Rule(
        "T102",
        "decode-theta",
        "tokens are decoded",
        "unsafe",
        text=(
            "`decode_theta` needs the slices and the sample shape. A view "
            "knows both. Draws of a model decode with the same view, however "
            "many sample axes they have."
        ),
        todo=(
            "`view.decode()` for its own values, `view.decode(draws)` for "
            "those of a model. Keys come in the order of the view."
        ),
        rewrite=(
            "With T101: where the slices come from a `flatten_structured` "
            "that is rewritten too. Slices that were loaded, passed in or "
            "made by hand stay."
        ),
        before="""\
from sfmpe.util.dataloader import decode_theta, flatten_structured

flat, slices = flatten_structured({"theta": theta, "y": y})
old = decode_theta(flat["data"]["theta"], slices["theta"], (8,))
""",
        after="""\
from tfmpe import Tokens

tokens = Tokens.from_pytree({**theta, **y}, {})
new = tokens.select_tokens(["mu", "theta"]).decode()
""",
        check="""\
assert list(old) == list(new)
assert np.array_equal(old["theta"], new["theta"])
""",
    ),
    Rule(
        "T103",
        "combine-data",
        "two data sets are joined",
        "unsafe",
        text=(
            "`combine_data` pads the token axis as a whole, so that tokens of "
            "one key lie beside tokens of another, repeats every mask for "
            "every sample, and drops what one side lacks (L16, L17). "
            "`concatenate_tokens` pads each key, keeps one mask, and refuses "
            "what does not fit."
        ),
        todo=(
            "Positions of tokens differ from the legacy result wherever a "
            "key had to be padded, and so do trained numbers. Compare by key: "
            "the real tokens are the same."
        ),
        rewrite=(
            "With T101: where both arguments are names of results that are "
            "rewritten too, and there is no `pad_value`."
        ),
        before="""\
from sfmpe.util.dataloader import combine_data, flatten_structured

few_theta = {"mu": theta["mu"][:4], "theta": theta["theta"][:4, :2]}
few_y = {"obs": y["obs"][:4, :2]}
few, _ = flatten_structured({"theta": few_theta, "y": few_y})
many, _ = flatten_structured({"theta": theta, "y": y})
old = combine_data(few, many)
n_real = int(old["masks"]["padding"]["y"].sum())
""",
        after="""\
from tfmpe import Tokens, concatenate_tokens

few = Tokens.from_pytree({**few_theta, **few_y}, {})
new = concatenate_tokens(few, Tokens.from_pytree({**theta, **y}, {}))
given = new.select_tokens(["obs"])
""",
        check="""\
assert int(given.padding_mask.sum()) == n_real == 4 * 6 + 8 * 15
assert np.array_equal(old["data"]["y"][4:], given.data[4:])
""",
    ),
    Rule(
        "T104",
        "flatten-blocks",
        "one side is flattened",
        "manual",
        text=(
            "One side without labels, masks or index. `flatten_pytree` does "
            "it for any tree, and finds the width of a token itself."
        ),
        todo="Pass one `batch_ndims` for all keys, or one for each.",
        rewrite="Never: which keys have more than one batch axis, data say.",
        before="""\
from sfmpe.util.dataloader import flatten_blocks

old, old_slices = flatten_blocks(theta, 1, {}, -1e8, 1)
""",
        after="""\
from tfmpe import PAD_VALUE, flatten_pytree

new, new_slices = flatten_pytree(
    theta,
    sample_ndims=1,
    batch_ndims=1,
    pad_value=PAD_VALUE,
    max_batch_size=None,
)
""",
        check="""\
assert np.array_equal(old, new)
assert old_slices == new_slices
""",
    ),
    Rule(
        "T105",
        "build-mask",
        "a mask is built by hand",
        "manual",
        text=(
            "Masks are float32 in the legacy package and bool on Tokens, and "
            "are properties of them rather than results to be carried along. "
            "What attention needs, rules and padding in one and no empty row, "
            "is `attention_mask()`."
        ),
        todo=(
            "Where a mask is multiplied, use `&` or `jnp.where`. Where it was "
            "only passed on, pass the view instead."
        ),
        rewrite=(
            "Never: what is done with a mask has to allow for bool. Masks "
            "that are read of a flat dictionary are rewritten with T101."
        ),
        before="""\
from sfmpe.util.dataloader import (
    build_cross_attention_mask,
    flatten_structured,
)

_, slices = flatten_structured({"theta": theta, "y": y})
old = build_cross_attention_mask(slices["theta"], slices["y"], rules)
""",
        after="""\
from tfmpe import Tokens

tokens = Tokens.from_pytree({**theta, **y}, rules)
new = tokens.cross_attention_mask(["mu", "theta"], ["obs"])
""",
        check="""\
assert old.dtype == np.float32
assert new.dtype == bool
assert np.array_equal(old, new)
""",
    ),
)

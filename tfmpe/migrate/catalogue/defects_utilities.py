"""Defects of utilities, bijectors, plots: L37 to L41, L49 to L52, L56, L57."""

from .entry import Defect

__all__ = ["UTILITIES"]

UTILITIES = (
    Defect(
        "L37",
        "first-leaf-only",
        "a number as `event_ndims` counts the first leaf only",
        text=(
            "The log determinants of `PyTreeBijector` pair the leaves of the "
            "tree with those of `event_ndims`, and the shorter one decides."
        ),
        cost="Densities miss all parameters but the first in sorted order.",
        core="`Standardiser.log_det` counts every key.",
    ),
    Defect(
        "L38",
        "constant-counted-once",
        "a constant Jacobian is counted once",
        text=(
            "Log determinants of `PyTreeBijector` are one number for all "
            "rows, and a constant Jacobian (`Scale`, a z-scaling) counts once "
            "instead of once for each element."
        ),
        cost="0.69 instead of 6.93 for `Scale(2)` on ten values.",
        core="`Standardiser.log_det` counts every value of each sample.",
    ),
    Defect(
        "L39",
        "columns-by-place",
        "functional inputs stand in the columns of others",
        text=(
            "`index_theta` lays columns out in the order in which `index_map` "
            "mentions inputs, and fills them in the order of `indices`."
        ),
        cost=(
            "Another order of a dictionary swaps times and places; an input "
            "that is not mentioned before one that is gives IndexError."
        ),
        core="Functional inputs have one array for each key.",
        before="""\
from sfmpe.infinite import index_theta

times, places = jnp.zeros((2, 1)), jnp.ones((2, 1))
found = index_theta(
    {"mu": jnp.ones((2, 1))},
    {"place": places, "time": times},
    {"mu": ["time", "place"]},
)
assert found["mu"][0].tolist() == [1.0, 0.0]
""",
        after="""\
from tfmpe import Tokens

inputs = {"mu": jnp.stack([jnp.zeros((8, 1)), jnp.ones((8, 1))], -1)}
tokens = Tokens.from_pytree(theta, {}, inputs)
found = tokens.select_tokens(["mu"]).functional_inputs
assert found[0, 0].tolist() == [0.0, 1.0]
""",
    ),
    Defect(
        "L40",
        "scaled-by-itself",
        "a z-scaled vector is scaled by 1e8",
        text=(
            "`create_zscaling_bijector_tree` takes moments over all axes but "
            "the last, so each value of a vector is its own mean. Values "
            "outside a bijector's domain give NaN."
        ),
        cost="Parameters of about 1e8, or NaN, without a word.",
        core="A `Standardiser` takes moments over the samples.",
    ),
    Defect(
        "L41",
        "specs-by-last-key",
        "bijectors are found by the last key of a path",
        text=(
            "A misspelt key of `bijector_specs` is passed over, and one key "
            "may belong to several leaves."
        ),
        cost="A parameter with bounds is inferred without them.",
        core="A key that is in no layout is an error.",
    ),
    Defect(
        "L49",
        "names-not-compared",
        "trees are stacked by place, whatever their names",
        text=(
            "`stack_data` joins leaves that stand at the same place; "
            "`as_inference_data` needs an axis of chains; "
            "`inference_data_as_dictionary` of a whole object is empty."
        ),
        cost="Rows of another parameter below those of the first.",
        core="Joining Tokens compares keys.",
        before="""\
from sfmpe.util.data import stack_data

both = stack_data({"mu": jnp.zeros((1, 1))}, {"nu": jnp.ones((1, 1))})
assert both["mu"].tolist() == [[0.0], [1.0]]
""",
        after="""\
from tfmpe import Tokens, concatenate_tokens

tokens = Tokens.from_pytree(theta, {})
assert concatenate_tokens(tokens, tokens).sample_shape == (16,)
""",
    ),
    Defect(
        "L51",
        "always-shuffled",
        "batches are shuffled whatever was asked for",
        text=(
            "`as_batch_iterator` and `as_batch_iterators` with `shuffle=False` "
            "shuffle once, the same way in every pass."
        ),
        cost="Rows cannot be told apart by their place.",
        core="`minibatches` without a key come in order.",
        before="""\
import jax
from sfmpe.util.dataloader import as_batch_iterator

rows = {"data": {"y": jnp.arange(8)}}
(batch,) = as_batch_iterator(jax.random.key(0), rows, 8, False)
assert batch["data"]["y"].tolist() != list(range(8))
""",
        after="""\
from tfmpe import Tokens, minibatches

tokens = Tokens.from_pytree(theta, {})
batches = minibatches(tokens, 8)
assert np.array_equal(batches.data[0], tokens.data)
""",
    ),
    Defect(
        "L52",
        "unknown-not-encoded",
        "`encode_unknown_theta` raises TypeError at every call",
        text="It indexes an integer.",
        cost="The name cannot be used.",
        core="Labels and masks follow from the layout, for any values.",
    ),
    Defect(
        "L56",
        "no-samples-of-trees",
        "a distribution transformed by a tree of bijectors has no samples",
        text=(
            "`PyTreeBijector(...)(distribution)` is made, and its `sample` "
            "raises ValueError if leaves differ in shape."
        ),
        cost="Draw from the distribution and call `forward`.",
        core="Draws are decoded from Tokens, then transformed.",
    ),
    Defect(
        "L57",
        "losses-not-drawn",
        "`plot_loss_profile` cannot draw what `fit` returns",
        text="It takes an array of two columns, `fit` returns a pair.",
        cost="TypeError; pass `numpy.stack(losses, 1)`.",
        core="A fit returns both losses by name.",
    ),
)

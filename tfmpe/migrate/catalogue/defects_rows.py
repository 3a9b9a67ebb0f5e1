"""Defects L1 to L4: rows of the index, labels, order of keys."""

from .entry import Defect

__all__ = ["ROWS"]

ROWS = (
    Defect(
        "L1",
        "index-rows-sorted",
        "rows of the index follow the sorted keys, rows of the data do not",
        text=(
            "Rows of the index follow the sorted keys, rows of the data the "
            "order of the dictionary: they correspond only if keys are sorted."
        ),
        cost=(
            "The network sees the times of one key beside the values of "
            "another. It trains, and learns the wrong thing."
        ),
        core="Functional inputs follow the data.",
        before="""\
from sfmpe.util.dataloader import flatten_structured

flat, _ = flatten_structured(
    {"theta": {"z": theta["mu"], "a": theta["mu"]}, "y": y},
    index={
        "z": jnp.full((8, 1, 1), 26.0),
        "a": jnp.ones((8, 1, 1)),
        "obs": jnp.zeros((8, 5, 3, 1)),
    },
)
# Data are z, a; the index is a, z.
assert flat["index"]["theta"][0, :, 0].tolist() == [1, 26]
""",
        after="""\
from tfmpe import Tokens

tokens = Tokens.from_pytree(
    {"z": theta["mu"], "a": theta["mu"]},
    {},
    functional_inputs={"a": jnp.ones((1, 1)), "z": jnp.full((1, 1), 26.0)},
)
assert tokens.functional_inputs[0, :, 0].tolist() == [26, 1]
""",
    ),
    Defect(
        "L2",
        "index-rows-missing",
        "an index without some keys has fewer rows than there are tokens",
        text=(
            "An index without some keys has fewer rows than there are tokens. "
            "Unknown keys of the index are ignored."
        ),
        cost=(
            "All rows after the missing ones are shifted against the tokens; "
            "a typo in a key makes its rows missing."
        ),
        core="Missing rows are padding; unknown keys are errors.",
        before="""\
from sfmpe.util.dataloader import flatten_structured

index = {"theta": theta["theta"], "obs": y["obs"]}  # none for mu
flat, _ = flatten_structured({"theta": theta, "y": y}, index=index)
assert flat["data"]["theta"].shape == (8, 6, 1)
assert flat["index"]["theta"].shape == (8, 5, 1)
""",
        after="""\
from tfmpe import Tokens

tokens = Tokens.from_pytree({**theta, **y}, {}, functional_inputs=index)
assert tokens.functional_inputs.shape == tokens.data.shape == (8, 21, 1)
""",
    ),
    Defect(
        "L3",
        "shared-labels",
        "labels are ranks of the sorted keys of both sides, in int8",
        text=(
            "Labels are ranks in the sorted list of all keys, by code point "
            "(uppercase first), in int8; a key on both sides gets the later "
            "rank twice; label 128 raises an `OverflowError`."
        ),
        cost=(
            "A key that is added changes the labels of others, so that a "
            "trained network reads them wrongly. A key on both sides is one "
            "to the network."
        ),
        core="int32, keys are unique, `labels=` sets them.",
        before="""\
from sfmpe.util.dataloader import flatten_structured

flat, _ = flatten_structured(
    {"theta": {"a": theta["mu"]}, "y": {"a": theta["mu"], "B": theta["mu"]}}
)
assert flat["labels"]["theta"].tolist() == [[2]]
assert flat["labels"]["y"].tolist() == [[2, 0]]
""",
        after="""\
from tfmpe import Tokens

tokens = Tokens.from_pytree(
    {"mu": theta["mu"], **y}, {}, labels={"mu": 7, "obs": 300}
)
assert set(tokens.labels[0].tolist()) == {7, 300}
""",
    ),
    Defect(
        "L4",
        "order-of-rounds",
        "the order of keys differs between rounds of bottom-up training",
        text=(
            "The order of seir's keys differs between the rounds of bottom-up "
            "training (sorted in the first, as listed afterwards). Offsets "
            "differ with it."
        ),
        cost=(
            "Slices of one round decode the draws of another into the wrong "
            "keys, where shapes allow it."
        ),
        core=(
            "Labels do not depend on the order; `concatenate_tokens` takes "
            "the order of its first argument."
        ),
    ),
)

"""Defects L24 to L27: training, splitting, rounds."""

from .entry import Defect

__all__ = ["TRAINING"]

TRAINING = (
    Defect(
        "L24",
        "whole-batches",
        "training takes whole batches only, bottom-up needs rules",
        text=(
            "`fit` takes only a number of rows that the batch size divides "
            "(`TypeError`), and bottom-up training without rules ends in "
            "`KeyError: 'masks'`."
        ),
        cost="Data are thrown away to make them fit.",
        core="Any number of rows, with rules or without.",
        before="""\
import optax
from flax import nnx
from sfmpe.sfmpe import SFMPE
from sfmpe.structured_cnf import StructuredCNF
from sfmpe.util.dataloader import flatten_structured

flat, _ = flatten_structured({"theta": theta, "y": y})
cnf = StructuredCNF(lambda *, theta, **_: -theta, nnx.Rngs(0))
try:
    SFMPE(cnf, nnx.Rngs(0)).fit(flat, flat, n_iter=1, batch_size=3)
except TypeError as error:
    said = str(error)
assert "8 training rows into batches of 3" in said
""",
        after="""\
from tfmpe import Tokens, minibatches

tokens = Tokens.from_pytree({**theta, **y}, {})
batches = minibatches(tokens, 3)
assert batches.sample_shape == (2, 3)  # fit pads the last batch instead
""",
    ),
    Defect(
        "L25",
        "clamped-split",
        "a split repeats or loses rows",
        text=(
            "`split_data` draws row numbers that a leaf with fewer rows does "
            "not have: shuffled, its last row is repeated; unshuffled, the "
            "second part gets nothing."
        ),
        cost="Labels or masks given once vanish from the validation.",
        core="All leaves have the same samples.",
        before="""\
from sfmpe.utils import split_data

data = {"mu": theta["mu"], "label": jnp.zeros((1, 1))}
train, validation = split_data(data, 8, split=0.75)
assert len(train["mu"]) == 6 and len(train["label"]) == 1
assert len(validation["label"]) == 0
""",
        after="""\
from tfmpe import Tokens, train_validation_split

tokens = Tokens.from_pytree({**theta, **y}, {})
training, held_out = train_validation_split(tokens, 0.75)
assert len(held_out.labels) == len(held_out.data) == 2
""",
    ),
    Defect(
        "L26",
        "rounds",
        "later rounds of bottom-up training lose data and independence",
        text=(
            "From the second round on, bottom-up training drops its "
            "simulations of one local unit from the second stage, and takes "
            "one and the same local unit in every simulation; the reported "
            "training loss is a sum over batches."
        ),
        cost=(
            "Rounds cost as much as the first and add less; losses of "
            "training and validation cannot be compared."
        ),
        core="`tfmpe.estimators.train_bottom_up` has none of it.",
    ),
    Defect(
        "L27",
        "bounded-context",
        "the seir example gives bounded data to a model trained on unbounded",
        text=(
            "The legacy seir example gives bounded data as context to a model "
            "that was trained on unbounded data. That is the script, not the "
            "package: nothing in the shim does it. See "
            "[`examples/seir_legacy.py`](examples/seir_legacy.py)."
        ),
        cost="The posterior is that of another observation.",
        core=("`FlowMatchingEstimator(…, bijectors=…)` maps both ways itself."),
    ),
)

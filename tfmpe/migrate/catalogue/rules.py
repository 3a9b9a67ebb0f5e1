"""The rules of the scanner: what it finds in a legacy script."""

from .entry import Entry

__all__ = ["RULES"]

RULES = (
    # T0: imports. T1: data. T2: flows and estimators. T3: patterns that
    # bottom-up scripts repeat. T9: what could not be decided.
    Entry("T001", "legacy-import", "a legacy module is imported", "safe"),
    Entry(
        "T002",
        "star-import",
        "all names of a legacy module are imported",
        "safe",
    ),
    Entry(
        "T003",
        "unknown-name",
        "a legacy module or name that the bridge does not have",
        "manual",
    ),
    Entry(
        "T004",
        "name-in-a-string",
        "a legacy name inside a string, as of a dynamic import",
        "manual",
    ),
    Entry("T101", "flatten-structured", "data are flattened", "unsafe"),
    Entry("T102", "decode-theta", "tokens are decoded", "unsafe"),
    Entry("T103", "combine-data", "two data sets are joined", "unsafe"),
    Entry("T104", "flatten-blocks", "one side is flattened", "unsafe"),
    Entry("T105", "build-mask", "a mask is built by hand", "unsafe"),
    Entry("T106", "pad", "an array is padded by hand", "manual"),
    Entry("T107", "token-index", "positions of tokens", "unsafe"),
    Entry("T108", "flatten-index", "functional inputs are flattened", "manual"),
    Entry(
        "T109", "encode-unknown-theta", "a call that never returned", "manual"
    ),
    Entry("T110", "split-and-batches", "data are split or batched", "manual"),
    Entry("T111", "pad-value", "the value of padding", "safe"),
    Entry("T112", "attention-arguments", "masks are combined", "manual"),
    Entry("T201", "structured-cnf", "a legacy flow is made", "manual"),
    Entry("T202", "nine-arguments", "sample with nine arguments", "safe"),
    Entry("T203", "log-prob", "log_prob of a legacy flow", "safe"),
    Entry("T204", "sfmpe", "a legacy estimator", "manual"),
    Entry("T205", "train-bottom-up", "bottom-up training", "manual"),
    Entry("T206", "transformer", "the legacy network", "manual"),
    Entry("T207", "vector-field", "a vector field of ten keywords", "manual"),
    Entry("T208", "loss-parts", "parts of the legacy loss", "manual"),
    Entry("T301", "swapped-sides", "theta and y are exchanged", "unsafe"),
    Entry("T302", "selected-keys", "some keys are picked", "unsafe"),
    Entry("T303", "changed-values", "values of keys are replaced", "unsafe"),
    Entry("T304", "rebuilt-blocks", "blocks are rebuilt for a use", "unsafe"),
    Entry(
        "T901",
        "undecided",
        "perhaps a legacy call: the object or name could not be followed",
        "manual",
    ),
)

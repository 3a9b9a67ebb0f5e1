"""Defects of two-sample tests and early stopping: L42 to L48, L54, L61."""

from .entry import Defect

__all__ = ["CHECKS"]

CHECKS = (
    Defect(
        "L42",
        "zero-p-value",
        "the p value of the kernel test can be 0",
        text=(
            "`mmd_test` does not count the data as one of the permutations, "
            "and a statistic of NaN gives a p value of 0 together with "
            "`reject_null` False."
        ),
        cost="A p value of 0 is claimed, or one where nothing is known.",
        core=(
            "`tfmpe.estimators.mmd_test`: at least `1 / (n + 1)`, NaN for NaN."
        ),
        before="""\
from sfmpe.metrics.mmd import mmd_test


class Reference:
    def sample(self, n, seed):
        return jax.random.normal(seed, (n, 1))


old = mmd_test(jnp.ones((1, 1)), Reference(), jax.random.key(0), 9)
assert old["p_value"] == 0 and not old["reject_null"]
""",
        after="""\
from tfmpe.estimators import mmd_test

x, far = jnp.zeros((9, 1)), jnp.full((9, 1), 5.0)
new = mmd_test(jax.random.key(0), x, far, n_permutations=9)
assert new.p_value >= 0.1
""",
    ),
    Defect(
        "L43",
        "prints-and-pictures",
        "training a classifier prints, and writes pictures",
        text=(
            "`train_l_c2st_nf_main_classifier` prints six lines, writes "
            "`z_base.png` and `z_sampled.png` into the working directory, "
            "leaves two figures open, and fails without seaborn after it has "
            "begun."
        ),
        cost="Runs in one folder overwrite each other's pictures.",
        core="Computing and drawing are separate functions.",
    ),
    Defect(
        "L44",
        "classifier-rows",
        "classifiers take whole batches only",
        text=(
            "The default `batch_size=100` raises AssertionError unless it "
            "divides the training rows, `int(1.6 n)` of `n` simulations: 125, "
            "250 and 1000 work, 100 and 200 do not."
        ),
        cost="Numbers of simulations have to be chosen for it.",
        core="Any number of rows.",
        before="""\
import flax.nnx as nnx
from sfmpe.metrics.lc2st import BinaryMLPClassifier, fit_classifier

classifier = BinaryMLPClassifier(1, 2, 1, nnx.relu, rngs=nnx.Rngs(0))
rows, labels = jnp.zeros((200, 1)), jnp.zeros(200)
try:
    fit_classifier(jax.random.key(0), classifier, rows, labels)
except AssertionError as error:
    said = str(error)
assert "Batch size (100) must divide n_train (160)" in said
""",
        after="""\
from tfmpe import Tokens, minibatches

tokens = Tokens.from_pytree({**theta, **y}, {})
assert minibatches(tokens, 3).sample_shape == (2, 3)  # fit pads the last
""",
    ),
    Defect(
        "L45",
        "unused-samples",
        "a test does not use the samples that it is given",
        text=(
            "`apply_lc2stnf` logs moments of `posterior_samples` and does not "
            "test them: scaled by 1000 they give the same result."
        ),
        cost=(
            "The inverse of the flow is tested, not the samples. Use "
            "`train_lc2st_classifiers` and `evaluate_lc2st` for those."
        ),
        core="`classifier_test` is a function of the classifiers' scores.",
    ),
    Defect(
        "L46",
        "two-orders",
        "tests return their results in two orders",
        text=(
            "`apply_lc2stnf` returns (statistic, null statistics, p value), "
            "`evaluate_l_c2st_nf` and `evaluate_lc2st` return (null "
            "statistics, statistic, p value). It is reproduced; there is no "
            "`fix`."
        ),
        cost="Unpacked in the wrong order, the statistic is an array.",
        core="Tests return a `TwoSampleTest`, with names.",
    ),
    Defect(
        "L47",
        "plot-of-a-test",
        "the plot of a test cuts, mislabels and stays open",
        text=(
            "`lc2st_quant_plot` ends its axis at 0.25, says 95 % whatever "
            "`conf_alpha` is, and does not close its figure."
        ),
        cost="A larger statistic is not seen; memory grows in a loop.",
        core="Plots take `ax=`, and show all of their data.",
    ),
    Defect(
        "L48",
        "never-again",
        "early stopping is never taken back, nor is a first NaN",
        text=(
            "`EarlyStopping` keeps saying stop after an improvement, and "
            "takes a first loss of NaN for the best one for ever. It has no "
            "argument `fix`: name it in `TFMPE_COMPAT_FIX`."
        ),
        cost="Training ends after `patience + 2` epochs, with first weights.",
        core="`fit(..., patience=)`; a loss of NaN is an error.",
        before="""\
from sfmpe.util.early_stopping import EarlyStopping

stopping = EarlyStopping()
for loss in (float("nan"), 1.0, 0.5):
    improved, stopping = stopping.update(loss)
assert stopping.should_stop and not improved
""",
    ),
    Defect(
        "L54",
        "unequal-points",
        "the main statistic is a mean over more points than each null",
        text=(
            "`evaluate_l_c2st_nf` averages the main statistic over all points "
            "of all null classifiers, but each null statistic over its own."
        ),
        cost=(
            "p values mean little: with equal classifiers they lay between "
            "0.30 and 0.70, so the test rejects too rarely."
        ),
        core="`classifier_test` takes as many points for every classifier.",
    ),
    Defect(
        "L61",
        "shared-key",
        "labels, split and epochs of a classifier share one key",
        text=(
            "`train_lc2st_classifiers` uses one key for the labels of the "
            "null classifiers, the split and the epochs."
        ),
        cost="Labels of one null classifier and an epoch are not independent.",
        core="Every random step has a key of its own.",
    ),
)

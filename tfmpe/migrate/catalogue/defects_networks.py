"""Defects of networks and of the package: L50, L53, L55, L58 to L60."""

from .entry import Defect

__all__ = ["NETWORK_DEFECTS"]

NETWORK_DEFECTS = (
    Defect(
        "L50",
        "embedding-not-used",
        "the perceptron of tokens has an embedding that it does not use",
        text=(
            "`MLPStructuredVectorField` holds an embedding that nothing "
            "reads, and returns one value per token even if `value_dim` is "
            "larger. It is reproduced, since weights and keys depend on it; "
            "there is no `fix`."
        ),
        cost="Labels and functional inputs have no effect.",
        core="`tfmpe.nn.Transformer` embeds every label and input.",
    ),
    Defect(
        "L53",
        "frequencies-in-double",
        "double precision gives networks other frequencies",
        text=(
            "With `JAX_ENABLE_X64`, `gf_embedding/b` is float64 and begins "
            "with other numbers; all other weights stay float32 and the same. "
            "It is reproduced; there is no `fix`."
        ),
        cost=(
            "A seed gives two networks, and weights that were saved in one "
            "precision do not have the dtypes of the other."
        ),
        core="Parameters are float32, whatever the data are.",
    ),
    Defect(
        "L55",
        "odd-widths",
        "some sizes and labels fail late, or not at all",
        text=(
            "`Transformer` and `Embedding` with an odd `index_out_dim` are "
            "made and cannot be called. A label beyond `n_labels` gives NaN, "
            "a negative one another label's row."
        ),
        cost="NaN, or the embedding of another key.",
        core="Labels come from the layout, which the network knows.",
    ),
    Defect(
        "L58",
        "incomplete-wheel",
        "an installed legacy package has no subpackages",
        text=(
            "`pip install` of the legacy package leaves out `util`, `nn`, "
            "`metrics` and `plot`: it runs from a checkout or an editable "
            "installation. To compare with it (`tfmpe record`, `tfmpe run "
            "--shadow`), install it so."
        ),
        cost="ModuleNotFoundError at the first import.",
        core="The wheel is tested as it is installed.",
    ),
    Defect(
        "L59",
        "opposite-arguments",
        "two trainings take their first arguments in opposite order",
        text=(
            "`fit_model(seed, model, …)`, but `fit_model_no_branch(model, "
            "seed, …)`; `fit_model` with 0 epochs raises ValueError. It is "
            "reproduced; there is no `fix`."
        ),
        cost="An error from deep inside. Pass arguments by name.",
        core="`fit` takes the key by name.",
    ),
    Defect(
        "L60",
        "two-densities-of-time",
        "the two estimators draw training times from different densities",
        text=(
            "`FMPE` draws times with a density proportional to `t ** -0.25` "
            "and ends its path at a width of 1e-5, `SFMPE` uniformly and at "
            "1e-3. The text of `sample_power_law` excludes the exponent that "
            "is used; only 1 fails (ZeroDivisionError)."
        ),
        cost="Losses of the two cannot be compared.",
        core="One path, times spread evenly over the batch.",
        before="""\
from sfmpe.fmpe import sample_power_law

times = sample_power_law(jax.random.key(0), (4000,), 0.25, 1e-9, 1.0)
assert abs(times.mean() - 3 / 7) < 0.02  # not 1/2
""",
    ),
)

"""Defects L28 to L36: flows of plain arrays, their training and rounds."""

from .entry import Defect

__all__ = ["ARRAYS"]

ARRAYS = (
    Defect(
        "L28",
        "plain-negative-time",
        "CNF.log_prob hands the vector field negative times",
        text=(
            "As L18, for plain arrays: `CNF.log_prob`, and with it "
            "`FMPE.log_prob_posterior_samples`, hands the field negative "
            "times (off by up to 2.8 nats in the recordings)."
        ),
        cost="Densities of FMPE, and divergences from them, are wrong.",
        core="`log_prob` is the density of what `sample` draws.",
        before="""\
from flax import nnx
from sfmpe.cnf import CNF

# Pushes everything up by 1 between times 0 and 1.
cnf = CNF(lambda theta, time, context: 2 * time + 0 * theta, nnx.Rngs(0))
at = jnp.ones((1, 1))
old = cnf.log_prob(at, at)
assert old[0] < -2.9  # the density of 2 from the center
""",
        after="""\
from tfmpe import Tokens
from tfmpe.estimators import ContinuousFlow

flow = ContinuousFlow(
    lambda target, conditioning, time: 2 * time + 0 * target.data
)
tokens = Tokens.from_pytree({"mu": at[None], "obs": at[None]}, {})
new = flow.log_prob(tokens, ["mu"], ["obs"], exact=True)
assert abs(new[0] + 0.919) < 1e-3  # at the center
""",
    ),
    Defect(
        "L29",
        "one-observation",
        "densities of plain arrays take one observation at a time",
        text=(
            "`CNF.log_prob` and `FMPE.log_prob_posterior_samples` are "
            "documented to take one context per row; more than one row "
            "raises TypeError."
        ),
        cost="Call it under `jax.vmap`, one context each.",
        core="Every sample has its own conditioning.",
    ),
    Defect(
        "L30",
        "dropped-axis",
        "the base draws of a matrix hold its first row only",
        text=(
            "`FMPE.sample_base_dist` with a `theta_shape` of two axes returns "
            "the first row of every theta, `(n, 1, columns)`."
        ),
        cost="Most of theta is missing in what follows.",
        core="`flow.sample(..., direction='backward')` keeps every token.",
        before="""\
from flax import nnx
from sfmpe.cnf import CNF
from sfmpe.fmpe import FMPE

rngs = nnx.Rngs(0)
estimator = FMPE(CNF(lambda theta, time, context: -theta, rngs), rngs)
drawn = estimator.sample_base_dist(
    jnp.ones((4, 3, 2)), jnp.ones((4, 1)), (3, 2)
)
assert drawn.shape == (4, 1, 2)
""",
        after="""\
from tfmpe import Tokens
from tfmpe.estimators import ContinuousFlow

flow = ContinuousFlow(lambda target, conditioning, time: -target.data)
tokens = Tokens.from_pytree(
    {"mu": jnp.ones((4, 3, 2)), "obs": jnp.ones((4, 1, 1))}, {}
)
drawn = flow.sample(tokens, ["mu"], ["obs"], direction="backward")
assert drawn.shape == (1, 4, 3, 2)
""",
    ),
    Defect(
        "L31",
        "rows-mixed",
        "training on theta with three axes mixes rows",
        text=(
            "`FMPE.fit` pairs noise and times with the wrong rows if theta is "
            "`(n, 1, 1)`; `(n, d, 1)` raises ValueError."
        ),
        cost="A loss of 3.17 where 3.72 is right. Pass theta as `(n, d)`.",
        core="Samples are the first axis of every array.",
    ),
    Defect(
        "L32",
        "validation-key",
        "the validation of an epoch has the noise of its first batch",
        text=(
            "The validation loss is computed with the random key of the first "
            "batch of the epoch."
        ),
        cost="Validation is not independent of training.",
        core=(
            "Validation has a key of its own, the same in every epoch, so "
            "that losses can be compared."
        ),
    ),
    Defect(
        "L33",
        "dropout-left-on",
        "validation drops out, and so does sampling right after training",
        text=(
            "Validation losses of `fit` are computed with dropout, and the "
            "network stays in training mode until the estimator samples: "
            "`CNF.sample` right after `fit` drops out."
        ),
        cost="Validation losses are too large, and samples too noisy.",
        core="`tfmpe.nn.Transformer` has no dropout.",
    ),
    Defect(
        "L34",
        "calls-count",
        "every call of a network moves its random streams on",
        text=(
            "A network with dropout layers takes a key from every stream of "
            "its `nnx.Rngs` at each call, in evaluation too. It is "
            "reproduced, since numbers depend on it; there is no `fix`."
        ),
        cost=(
            "One more call of the field changes base draws, shuffling and "
            "weights that share the `Rngs`."
        ),
        core="Everything random follows from the key of the call.",
    ),
    Defect(
        "L35",
        "return-times",
        "the flow starts at the first time that is returned",
        text=(
            "`CNF.sample` with `return_times` that do not begin with 0 "
            "(forward) or end with 1 (backward) starts the flow there, with "
            "`theta_0`."
        ),
        cost="All states are those of another flow. Include the time.",
        core="The flow always runs from 0 to 1, or back.",
        before="""\
from flax import nnx
from sfmpe.cnf import CNF

cnf = CNF(lambda theta, time, context: jnp.ones_like(theta), nnx.Rngs(0))
states = cnf.sample(
    jnp.zeros((1, 1)),
    (1,),
    theta_0=jnp.zeros((1, 1)),
    return_times=jnp.array([0.5, 1.0]),
)
assert np.allclose(states.ravel(), [0.0, 0.5])  # should be 0.5, 1
""",
        after="""\
from tfmpe import Tokens
from tfmpe.estimators import ContinuousFlow

flow = ContinuousFlow(
    lambda target, conditioning, time: jnp.ones_like(target.data)
)
one = jnp.zeros((1, 1, 1))
tokens = Tokens.from_pytree({"mu": one, "obs": one}, {})
drawn = flow.sample(tokens, ["mu"], ["obs"], theta_0=one[None])
assert np.allclose(drawn, 1.0)
""",
    ),
    Defect(
        "L36",
        "rounds-share-noise",
        "all rounds of train_fmpe_rounds but the first share their noise",
        text=(
            "From the second round on, `train_fmpe_rounds` draws parameters "
            "from one and the same noise. The batch size must divide "
            "`int(0.8 n)` for the rows of every round."
        ),
        cost="Rounds are not independent; sizes have to fit.",
        core="Noise follows from the key of the call; any number of rows.",
    ),
)

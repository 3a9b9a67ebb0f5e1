"""British spellings as aliases of the American ones."""

import pytest

import tfmpe
from estimators.known_flows import ADAM, KEY, affine, make_tokens, train
from tfmpe.estimators._bottom_up.scheme import read_fit


def test_names_have_both_spellings():
    assert tfmpe.Standardiser is tfmpe.Standardizer
    estimator, _ = train(make_tokens(4))
    assert estimator.standardiser is estimator.standardizer is not None


def test_a_training_is_the_same_in_both_spellings():
    tokens = make_tokens(4)
    _, american = train(tokens, standardize=False)
    british = affine(standardise=False).fit(
        tokens,
        ["site", "mu"],
        ["obs"],
        key=KEY,
        optimiser=ADAM,
        batch_size=4,
        n_epochs=3,
    )
    assert british.training == american.training


def test_one_spelling_at_a_time():
    message = (
        r"^FlowMatchingEstimator\.fit got both optimizer= and optimiser=, two "
        r"spellings of one argument\. Pass optimizer= only\.$"
    )
    with pytest.raises(TypeError, match=message):
        train(make_tokens(4), optimiser=ADAM)


def test_bottom_up_training_takes_both_spellings():
    assert read_fit({"optimiser": ADAM}) == {"optimizer": ADAM}
    with pytest.raises(TypeError, match="train_bottom_up got both"):
        read_fit({"optimiser": ADAM, "optimizer": ADAM})

"""Rules derived from NumPyro models against ties found by brute force."""

import jax
import numpy as np
import pytest

from nightly import some_of

pytest.importorskip("numpyro")

from models.moral_graph import moral_graph
from models.numpyro_models import CASES, derive

# One of each kind; the others are variants.
KEPT = ["radon", "black_box", "chosen"]


def open_pairs(model):
    """Return masks of targets and observations, with the keys of each."""
    tokens = model.simulate(jax.random.key(0), 1)
    targets, given = list(model.target_keys), list(model.conditioning_keys)
    return [
        (targets, targets, tokens.select_tokens(targets).self_attention_mask),
        (targets, given, tokens.cross_attention_mask(targets, given)),
        (given, given, tokens.select_tokens(given).self_attention_mask),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("name", some_of(CASES, KEPT, "numpyro models"))
def test_no_tie_is_missed_and_few_are_superfluous(name):
    case = CASES[name]
    model = derive(name)
    tied = moral_graph(case.model, case.arguments)
    superfluous = 0
    for rows, columns, mask in open_pairs(model):
        truth = np.block([[tied[a, b] for b in columns] for a in rows])
        if rows == columns:  # A token needs no attention to itself.
            truth[np.diag_indices(len(truth))] = False
        missed = np.argwhere(truth & ~np.asarray(mask))
        assert missed.size == 0, (rows, columns, missed)
        opened = np.asarray(mask) & ~truth
        superfluous += int(opened.sum())
        if rows == columns:
            superfluous -= int(np.diagonal(opened).sum())
    assert superfluous == case.superfluous

"""Comparison of posterior draws with a reference."""

from typing import NamedTuple

import numpy as np

# The goals: means in posterior sd, relative sds, and the two-sample test.
MAX_ERROR, MAX_WIDTH, MAX_C2ST = 0.1, 0.1, 0.55


class Verdict(NamedTuple):
    """What the draws differ by; see :func:`judge`.

    ``error`` and ``width`` have the values of each parameter, global ones
    first: (mean - exact) / exact sd, and sd / exact sd.
    """

    error: np.ndarray
    width: np.ndarray
    n_globals: int
    c2st: float

    @property
    def worst_error(self):
        """Largest error of a mean, in exact sd."""
        return float(np.abs(self.error).max())

    @property
    def worst_width(self):
        """The sd that is the farthest from 1, relative to the exact one."""
        return float(self.width[np.abs(np.log(self.width)).argmax()])

    @property
    def missed(self):
        """The goals that are missed, in words."""
        worst = np.abs(self.width - 1).max()
        found = [
            ("means", self.worst_error > MAX_ERROR),
            ("sds", worst > MAX_WIDTH),
            ("C2ST", self.c2st > MAX_C2ST),
        ]
        return [name for name, missed in found if missed]


def judge(draws, reference, global_names, seed=0):
    """Compare draws of one observation with a reference.

    ``draws`` are arrays ``(n, ...)`` by name; ``reference`` has means, sds and
    draws of the global parameters, as :func:`make_references.read` returns it.
    """
    errors, widths = [], []
    names = [*global_names, *(k for k in draws if k not in global_names)]
    for name in names:
        exact = reference["mean"][name], reference["sd"][name]
        mean, sd = (
            np.reshape(f(draws[name], 0), np.shape(exact[0]))
            for f in (np.mean, np.std)
        )
        errors.append(np.ravel((mean - exact[0]) / exact[1]))
        widths.append(np.ravel(sd / exact[1]))
    both = [
        np.concatenate(
            [np.reshape(d[name], (len(d[name]), -1)) for name in global_names],
            1,
        )
        for d in (draws, reference["draws"])
    ]
    n = min(map(len, both))
    return Verdict(
        np.concatenate(errors),
        np.concatenate(widths),
        sum(map(len, errors[: len(global_names)])),
        c2st(both[0][:n], both[1][:n], seed),
    )


def c2st(x, y, seed=0, n_folds=5, n_hidden=100, ridge=1.0):
    """Return the accuracy with which a classifier tells two samples apart.

    Logistic regression on values, their products and ``n_hidden`` random
    hidden units, by Newton's method; the accuracy is that on folds that were
    left out. 1/2 if the samples do not differ, apart from chance, whose
    standard deviation is about ``.5 / sqrt(len(x) + len(y))``.
    """
    rng = np.random.default_rng(seed)
    rows = np.concatenate([x, y]).astype(float)
    label = np.repeat([0.0, 1.0], [len(x), len(y)])
    rows = (rows - rows.mean(0)) / rows.std(0)
    width = rows.shape[1]
    first, second = np.triu_indices(width)
    hidden = rng.normal(size=(width, n_hidden)) / np.sqrt(width)
    features = [
        rows,
        rows[:, first] * rows[:, second],
        np.tanh(2 * rows @ hidden + rng.normal(size=n_hidden)),
    ]
    features = np.concatenate(features, 1)
    features = (features - features.mean(0)) / features.std(0)
    features = np.concatenate([np.ones((len(rows), 1)), features], 1)
    order = rng.permutation(len(rows))
    right = 0
    for fold in np.array_split(order, n_folds):
        kept = np.setdiff1d(order, fold)
        weights = _logistic(features[kept], label[kept], ridge)
        right += ((features[fold] @ weights > 0) == label[fold]).sum()
    return float(right / len(rows))


def _logistic(features, label, ridge):
    """Return the weights of a logistic regression."""
    penalty = np.full(features.shape[1], ridge)
    penalty[0] = 0
    weights = np.zeros(features.shape[1])
    for _ in range(10):
        p = 1 / (1 + np.exp(-np.clip(features @ weights, -30, 30)))
        gradient = features.T @ (label - p) - penalty * weights
        curvature = (features * (p * (1 - p))[:, None]).T @ features
        curvature = curvature + np.diag(penalty + 1e-6)
        weights = weights + np.linalg.solve(curvature, gradient)
    return weights

"""Split of a data set into training and validation rows."""

import jax


def split_data(data, size, split=0.8, shuffle_rng=None):
    """Split every leaf along its first axis; `split` is the training share.

    Keys of dicts are sorted, as in any JAX tree. The size is not checked: rows
    out of range are clamped if shuffled, so that leaves of one row grow, and
    otherwise dropped (defect L25).
    """
    n_train = int(size * split)
    if shuffle_rng is None:
        train_rows, validation_rows = slice(n_train), slice(n_train, None)
    else:
        rows = jax.random.permutation(shuffle_rng, size)
        train_rows, validation_rows = rows[:n_train], rows[n_train:]
    train = jax.tree.map(lambda leaf: leaf[train_rows], data)
    validation = jax.tree.map(lambda leaf: leaf[validation_rows], data)
    return train, validation

"""Log messages of training; without logging, losses are not awaited."""

import logging

import jax
import jax.numpy as jnp
import pytest

from tfmpe.compat._progress import log_training
from tfmpe.compat.bottom_up import train_bottom_up

NAME = "tfmpe.compat.bottom_up"
PRIOR = {"mu": jnp.zeros((4, 1, 1)), "theta": jnp.ones((4, 1, 1))}


class _Estimator:
    """An estimator that learns nothing; its losses are consecutive numbers."""

    def __init__(self):
        self.n_fits = 0

    def fit(self, train, val, optimizer, n_iter, batch_size):
        self.n_fits += 1
        losses = self.n_fits + jnp.arange(n_iter) / 4
        return losses, -losses

    def sample_posterior(self, context, labels, slices, **given):
        n = given["n_samples"]
        return {
            name: jnp.zeros((n, *entry["event_shape"], *entry["batch_shape"]))
            for name, entry in slices.items()
        }


def _train(n_rounds):
    train_bottom_up(
        jax.random.key(0),
        _Estimator(),
        lambda n: PRIOR,
        lambda given, n_local: {"theta": jnp.ones((4, n_local, 1))},
        lambda key, theta: {"obs": theta["theta"]},
        ["mu"],
        ["theta"],
        3,
        n_rounds,
        4,
        2,
        {"obs": jnp.zeros((1, 3, 1))},
        {"local": ["theta"]},
        fix=["L26"],
    )


def test_every_round_and_stage_of_bottom_up_training_is_logged(caplog):
    """The logger has the name of the module."""
    caplog.set_level(logging.INFO, NAME)
    _train(2)
    lines = [record.getMessage() for record in caplog.records]
    stages = [
        f"round {number} of 2: {what}, {n_rows} rows: "
        for number, n_rows_of_both in ((1, (4, 8)), (2, (8, 16)))
        for what, n_rows in zip(
            ("simulating one local unit", "inferring from 3 local units"),
            n_rows_of_both,
            strict=True,
        )
    ]
    for line, stage, n_fits in zip(lines, stages, (1, 2, 3, 4), strict=True):
        assert line.startswith(stage)
        last = n_fits + 0.25
        assert line.endswith(
            f" s, last losses (training, validation): {last}, -{last}"
        )
    assert {record.name for record in caplog.records} == {NAME}


class _Unread:
    def __len__(self):
        raise AssertionError("the losses were read")


@pytest.mark.parametrize("level", [logging.WARNING, logging.CRITICAL])
def test_losses_are_not_read_if_they_are_not_logged(level, caplog):
    caplog.set_level(level, NAME)
    log_training(logging.getLogger(NAME), "round", 0.0, (_Unread(), _Unread()))
    assert not caplog.records


def test_a_training_without_losses(caplog):
    caplog.set_level(logging.INFO, NAME)
    for losses in (None, (jnp.zeros(0), jnp.zeros(0))):
        log_training(logging.getLogger(NAME), "round", 0.0, losses)
    assert all(": none" in record.getMessage() for record in caplog.records)
    assert len(caplog.records) == 2

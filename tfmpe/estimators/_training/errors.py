"""Errors of training."""


class TrainingDivergedError(ArithmeticError):
    """The loss of a training step is no finite number."""

"""Errors and warnings about training."""


class TrainingDivergedError(ArithmeticError):
    """The loss of a training step is no finite number."""


class UntrainedWarning(UserWarning):
    """An estimator is asked that was never trained."""

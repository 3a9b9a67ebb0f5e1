"""Errors and warnings about training."""


class TrainingDivergedError(ArithmeticError):
    """The loss of a training step is not finite."""


class UntrainedWarning(UserWarning):
    """An estimator that was never trained is used."""


class DiscreteValuesWarning(UserWarning):
    """A continuous density is trained for integer values."""


class UnlikeTrainingWarning(UserWarning):
    """An estimator is used for keys, sizes or inputs it was not trained for."""

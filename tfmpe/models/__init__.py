"""Generative models: simulations, observed data, densities, rules."""

from .model import Model as Model
from .model import NoDensityError as NoDensityError

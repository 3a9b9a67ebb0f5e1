"""Generative models: simulations, observed data, densities, rules."""

from ._numpyro import from_numpyro as from_numpyro
from .model import Model as Model
from .model import NoDensityError as NoDensityError

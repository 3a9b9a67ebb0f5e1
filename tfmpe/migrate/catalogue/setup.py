"""The data that the examples of all entries use."""

__all__ = ["SETUP"]

SETUP = """\
import jax
import jax.numpy as jnp
import numpy as np

# Eight simulations of five sites with three observations each.
theta = {
    "mu": jnp.linspace(-1, 1, 8).reshape(8, 1, 1),
    "theta": jnp.linspace(0, 3, 40).reshape(8, 5, 1),
}
y = {"obs": jnp.linspace(0, 9, 120).reshape(8, 5, 3, 1)}
rules = {
    "local": ["obs", "theta"],
    "cross": [("mu", "obs"), ("obs", "mu")],
    "cross_local": [("theta", "obs", (0, 0))],
}
"""

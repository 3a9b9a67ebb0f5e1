"""Attention masks, and the rates of a survey."""

import jax
import numpy as np
import sfmpe.util.dataloader as dl
from growth import sides
from growth.model import INDEPENDENCE, prior_fn, simulator_fn

theta = prior_fn(jax.random.PRNGKey(0), 2, 3)
y = simulator_fn(jax.random.PRNGKey(1), theta)
flat, slices = dl.flatten_structured(
    {"theta": theta, "y": y}, independence=INDEPENDENCE
)
cross = np.asarray(flat["masks"]["attention"]["cross"][0])
for row in cross:
    print("".join("#" if open_pair else "." for open_pair in row))

# The same mask, by hand.
again = dl.build_cross_attention_mask(
    slices["theta"], slices["y"], INDEPENDENCE
)
print(f"as by hand: {bool((np.asarray(again) == cross).all())}")
print(f"to simulate: {list(sides.swapped(theta, y)[2])}")

decoded = dl.decode_theta(flat["data"]["theta"], slices["theta"], (2,))
for name, values in decoded.items():
    print(name, " ".join(f"{value:.2f}" for value in values.ravel()))

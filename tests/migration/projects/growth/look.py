"""Who attends to whom, and what the rates of a survey are."""

import jax
import numpy as np
import sfmpe.util.dataloader as dl
from growth import sides
from growth.model import INDEPENDENCE, prior_fn, simulator_fn

N_SITES = 3


def main():
    """Draw the cross mask, and print the decoded rates."""
    theta = prior_fn(jax.random.PRNGKey(0), 2, N_SITES)
    y = simulator_fn(jax.random.PRNGKey(1), theta)
    flat, slices = dl.flatten_structured(
        {"theta": theta, "y": y}, independence=INDEPENDENCE
    )

    cross = flat["masks"]["attention"]["cross"][0]
    for row in np.asarray(cross):
        print("".join("#" if open_pair else "." for open_pair in row))

    # The same mask by hand.
    again = dl.build_cross_attention_mask(
        slices["theta"], slices["y"], INDEPENDENCE
    )
    print(f"as by hand: {bool((np.asarray(again) == cross).all())}")

    _, _, swapped_slices = sides.swapped(theta, y)
    print(f"to simulate: {list(swapped_slices)}")

    decoded = dl.decode_theta(flat["data"]["theta"], slices["theta"], (2,))
    for name, values in decoded.items():
        print(name, " ".join(f"{value:.2f}" for value in values.ravel()))
    return np.asarray(cross)


if __name__ == "__main__":
    main()

"""Training on two surveys of different sizes, and inference of rates."""

import jax
import optax
from flax import nnx
from growth import legacy, model
from sfmpe.sfmpe import _make_attention_masks

N_SIMULATIONS, N_SITES, N_SAMPLES = 64, 4, 200


def survey(seed, n, n_sites):
    """Simulate, and flatten both sides."""
    prior_key, data_key = jax.random.split(jax.random.PRNGKey(seed))
    theta = model.prior_fn(prior_key, n, n_sites)
    y = model.simulator_fn(data_key, theta)
    return legacy.flatten_structured(
        {"theta": theta, "y": y},
        index=model.index_fn(theta, y),
        independence=model.INDEPENDENCE,
    )


def train(cnf):
    """Train on a small and a large survey, joined."""
    small, _ = survey(1, N_SIMULATIONS, 2)
    large, _ = survey(2, N_SIMULATIONS, N_SITES)
    data = legacy.join(small, large)
    train_data, val_data = legacy.split_data(
        data, 2 * N_SIMULATIONS, 0.75, shuffle_rng=jax.random.PRNGKey(3)
    )
    estim = legacy.SFMPE(cnf, rngs=nnx.Rngs(4))
    return estim.fit(train_data, val_data, optax.adam(0.05), 30, batch_size=32)


def main():
    """Print the posterior of one survey."""
    cnf = legacy.Flow(model.SiteField(), rngs=nnx.Rngs(5))
    losses, _ = train(cnf)

    flat, slices = survey(6, 1, N_SITES)
    theta_mask, y_mask, cross_mask = _make_attention_masks(flat["masks"])
    truth = legacy.decode_theta(flat["data"]["theta"], slices["theta"], (1,))
    n_theta = flat["data"]["theta"].shape[1]
    noise = jax.random.normal(jax.random.PRNGKey(7), (N_SAMPLES, n_theta, 1))
    draws = cnf.sample(
        flat["data"]["y"],
        flat["labels"]["y"],
        flat["index"]["y"],
        y_mask,
        (n_theta, 1),
        flat["labels"]["theta"],
        flat["index"]["theta"],
        theta_mask,
        cross_mask,
        sample_size=N_SAMPLES,
        theta_0=noise,
    )
    posterior = legacy.decode_theta(draws, slices["theta"], (N_SAMPLES,))
    print(f"loss went down: {bool(losses[-1] < losses[0])}")
    for name, values in posterior.items():
        for i, true in enumerate(truth[name][0, :, 0]):
            print(f"{name}[{i}] {values[:, i].mean():.2f}, true {true:.2f}")
    return {name: values.mean(0)[:, 0] for name, values in posterior.items()}


if __name__ == "__main__":
    main()

"""The job in sbi."""

import numpy as np
import sbi
import torch
from sbi.inference import NPE
from timing import N_DRAWS, load, save, timed

torch.manual_seed(0)
with timed("training"):
    parameters = torch.from_numpy(load("parameters"))
    obs = torch.from_numpy(load("simulated")).flatten(1)
    covariance = torch.ones(6, 6) + torch.eye(6)
    covariance[0] = covariance[:, 0] = 1
    prior = torch.distributions.MultivariateNormal(torch.zeros(6), covariance)
    inference = NPE(prior)
    inference.append_simulations(parameters, obs).train()
with timed("drawing"):
    posterior = inference.build_posterior()
    observed = torch.from_numpy(load("observed")).flatten(1)
    draws = posterior.sample_batched((N_DRAWS,), x=observed)
    values = np.swapaxes(draws.numpy(), 0, 1)
save("sbi", sbi.__version__, values)

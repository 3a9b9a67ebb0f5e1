"""The job in BayesFlow."""

import bayesflow as bf
import keras
import numpy as np
from timing import N_DRAWS, N_EPOCHS, load, save, timed

keras.utils.set_random_seed(0)
with timed("training"):
    obs = load("simulated")
    workflow = bf.BasicWorkflow(
        inference_network=bf.networks.FlowMatching(),
        inference_variables=["parameters"],
        inference_conditions=["obs"],
    )
    data = {
        "parameters": load("parameters"),
        "obs": obs.reshape((len(obs), -1)),
    }
    workflow.fit_offline(data, epochs=N_EPOCHS, batch_size=128, verbose=0)
with timed("drawing"):
    observed = load("observed")
    conditions = {"obs": observed.reshape((len(observed), -1))}
    draws = workflow.sample(num_samples=N_DRAWS, conditions=conditions)
    values = np.asarray(draws["parameters"])
save("bayesflow", bf.__version__, values)

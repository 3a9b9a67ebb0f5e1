"""Data for training: simulation, minibatches, sharding."""

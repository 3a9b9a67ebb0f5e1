"""Data for training: simulation, minibatches, several devices."""

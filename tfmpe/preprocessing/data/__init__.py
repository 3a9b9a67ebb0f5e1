"""Simulated data sets, minibatches and sharding over devices."""

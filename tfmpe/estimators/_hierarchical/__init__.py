"""Inference for any number of groups from one training run."""

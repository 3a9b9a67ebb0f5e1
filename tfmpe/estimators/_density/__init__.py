"""Distributions learned by maximum likelihood."""

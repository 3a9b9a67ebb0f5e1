"""Distributions learned by their density."""

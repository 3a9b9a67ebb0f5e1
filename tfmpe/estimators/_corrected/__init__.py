"""Draws corrected by the density of a model."""

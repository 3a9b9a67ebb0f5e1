"""Flattened values with their layout: tokens, views and joining."""

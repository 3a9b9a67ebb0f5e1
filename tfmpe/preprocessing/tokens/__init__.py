"""Tokens: flattened values with their layout, views and joining."""

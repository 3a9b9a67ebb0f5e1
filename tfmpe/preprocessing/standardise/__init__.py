"""Standardizing of values, with bijectors for bounded ones."""

"""Standardising of values, with bijectors for bounded ones."""

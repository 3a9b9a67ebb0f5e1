"""Helpers for all layers: errors, arrays, trees, atomic files."""

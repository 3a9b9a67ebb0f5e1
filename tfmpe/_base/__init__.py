"""Helpers of every layer: errors, arrays, trees, atomic files."""

"""Standardization of tokens, key by key, with bijectors."""

"""Tokens as text, HTML, pictures and xarray data sets."""

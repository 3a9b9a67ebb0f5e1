"""Checks of a trained estimator: calibration, coverage, prediction."""

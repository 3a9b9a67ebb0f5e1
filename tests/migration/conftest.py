"""Fixtures for a small project, which is run only as a copy."""

collect_ignore = ["growth"]

"""Fixtures for a small project; commands run only in a copy of it."""

collect_ignore = ["growth"]

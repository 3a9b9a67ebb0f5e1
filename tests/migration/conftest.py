"""The project is data of these tests: it is run in copies only."""

collect_ignore = ["growth"]

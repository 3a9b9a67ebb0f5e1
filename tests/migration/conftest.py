"""The projects are data of these tests: they are run in copies only."""

collect_ignore = ["projects"]

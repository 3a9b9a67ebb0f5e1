"""Report on the findings of all commands, as one page and one JSON file."""

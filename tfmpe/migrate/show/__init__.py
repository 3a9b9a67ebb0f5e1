"""Numbers, names and tables in the format of all commands."""

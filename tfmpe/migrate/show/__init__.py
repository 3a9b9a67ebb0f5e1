"""Numbers, names and tables as all commands print them."""

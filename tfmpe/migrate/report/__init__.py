"""One page, and one JSON, of what all commands have found."""

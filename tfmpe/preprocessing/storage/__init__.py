"""Files of tokens, and datasets in many files."""

"""Files of tokens, and data sets in many files."""

"""Training: data, options, steps, epochs and losses."""

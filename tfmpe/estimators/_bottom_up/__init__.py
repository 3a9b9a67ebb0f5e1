"""Bottom-up training: the whole model from simulations of its units."""

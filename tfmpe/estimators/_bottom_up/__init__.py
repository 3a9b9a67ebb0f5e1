"""Bottom-up training: the full model learned from simulations of units."""

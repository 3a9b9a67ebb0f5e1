"""Training: steps, epochs, and what they are told and report."""

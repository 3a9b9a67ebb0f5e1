"""The parts of bottom-up training."""

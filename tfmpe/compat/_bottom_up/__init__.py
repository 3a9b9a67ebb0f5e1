"""Parts of bottom-up training."""

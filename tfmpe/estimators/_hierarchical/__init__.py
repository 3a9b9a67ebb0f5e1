"""Any number of groups from one training."""

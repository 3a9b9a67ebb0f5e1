"""Dense masks, attention plans and padding masks."""

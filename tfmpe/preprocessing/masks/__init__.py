"""Rules between keys as dense masks, attention plans and padding masks."""

"""Static layout: keys, shapes, offsets, labels, axis names and rules."""

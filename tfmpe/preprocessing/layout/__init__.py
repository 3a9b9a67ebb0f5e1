"""Keys of tokens: shapes, offsets, labels, names of axes and rules."""

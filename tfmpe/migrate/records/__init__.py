"""Records: the JSON that commands write and `tfmpe report` reads."""

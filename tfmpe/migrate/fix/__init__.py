"""Rewriting legacy scripts: `tfmpe fix`, and `tfmpe undo`.

`rewrite` takes the text of one module to its new text. `files` does so for
files and notebooks, `runs` keeps the originals and restores them.
"""

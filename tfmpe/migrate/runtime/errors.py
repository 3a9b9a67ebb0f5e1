"""What watching a script comes up against."""

__all__ = ["NoTwinError"]


class NoTwinError(Exception):
    """The bridge's version of an object cannot be made, and why not."""

"""What asking for a verification can come up against."""

__all__ = ["UnknownExampleError"]


class UnknownExampleError(ValueError):
    """An example was asked for that the stored output does not have.

    Parameters
    ----------
    name
        What was asked for.
    known
        The examples there are.
    """

    def __init__(self, name: str, known: tuple[str, ...]):
        self.name = name
        self.known = known
        listed = ", ".join(known) if known else "none"
        super().__init__(
            f"unknown example {name!r}; the stored output has: {listed}"
        )

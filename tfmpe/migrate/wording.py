"""Numbers of things in words, alike in all that is printed."""

__all__ = ["counted"]


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """Return a number of things in words.

    Parameters
    ----------
    number
        How many.
    noun
        What one of them is called.
    plural
        What several are called, where that is not the noun with an s.

    Returns
    -------
    str

    Examples
    --------
    >>> counted(1, "file"), counted(0, "file"), counted(2, "is", "are")
    ('1 file', '0 files', '2 are')
    """
    return f"{number} {noun if number == 1 else plural or f'{noun}s'}"

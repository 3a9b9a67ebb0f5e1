"""Calls that are too long for one line."""

__all__ = ["COLUMNS", "wrapped"]

COLUMNS = 79
"""How long lines may become."""


def wrapped(code: str, indent: str, room: int) -> str:
    """Return code with the arguments of its calls on lines of their own.

    Parameters
    ----------
    code : str
        An expression without strings.
    indent : str
        The blanks that its line begins with.
    room : int
        Characters that it may take on one line.

    Returns
    -------
    str
        Itself where it is short enough, or calls nothing.

    Examples
    --------
    >>> print(wrapped("f(g(a, b)[0], c).d", "", 13))
    f(
        g(a, b)[0],
        c,
    ).d
    """
    opening = code.find("(")
    if len(code) <= room or opening < 0:
        return code
    closing = _matching(code, opening)
    deeper = f"{indent}    "
    arguments = _split(code[opening + 1 : closing])
    # A comma follows each of them.
    lines = [
        f"{deeper}{wrapped(each, deeper, COLUMNS - 1 - len(deeper))},\n"
        for each in arguments
    ]
    return f"{code[: opening + 1]}\n{''.join(lines)}{indent}{code[closing:]}"


def _matching(code: str, opening: int) -> int:
    depth = 0
    for place, character in enumerate(code[opening:], opening):
        depth += (character in "([") - (character in ")]")
        if not depth:
            return place
    raise ValueError(f"{code!r} has a parenthesis that is not closed")


def _split(arguments: str) -> list[str]:
    found, depth = [""], 0
    for character in arguments:
        depth += (character in "([") - (character in ")]")
        if character == "," and not depth:
            found.append("")
        else:
            found[-1] += character
    return [each.strip() for each in found if each.strip()]

"""Options that turn reproduced defects off, one by one.

By default all legacy behavior that a script could depend on is reproduced.
The argument ``fix`` of ``StructuredCNF``, ``SFMPE``, ``train_bottom_up`` and
others, or the environment variable ``TFMPE_COMPAT_FIX``, lists the codes of
the defects to turn off.
"""

import difflib
import os
from collections.abc import Iterable, Mapping
from types import MappingProxyType

VARIABLE = "TFMPE_COMPAT_FIX"

FIXABLE: Mapping[str, str] = MappingProxyType(
    {
        "L18": "log_prob hands the field the time that sample does",
        "L19": "fresh noise at every call and for every simulation",
        "L20": "every instance has random numbers of its own",
        "L21": "padding is 0, not -1e8, and theta is as wide as y",
        "L23": "always: nothing is compiled twice",
        "L24": "any number of training rows; bottom-up without rules",
        "L26": "bottom-up keeps all simulations and mixes the locals",
        "L28": "CNF.log_prob hands the field the time that sample does",
        "L30": "FMPE.sample_base_dist returns all of theta",
        "L32": "validation has noise of its own",
        "L33": "validation without dropout, and none after training",
        "L36": "every round draws from noise of its own",
        "L37": "event_ndims that is a number holds for every leaf",
        "L38": "a constant Jacobian counts once for each element",
        "L39": "index_theta finds columns by the name of the input",
        "L40": "vectors are z-scaled by all their values; NaN is refused",
        "L41": "bijectors that belong to no leaf are refused; whole paths",
        "L42": "the p value counts the data, and is NaN where they are",
        "L43": "nothing printed, no pictures, seaborn not needed",
        "L44": "any number of rows for a classifier",
        "L47": "the plot closes, names its level, and shows the statistic",
        "L48": "a stop is taken back by an improvement, NaN is none",
        "L51": "batches come in order unless shuffle",
        "L54": "every classifier is asked at as many points",
        "L61": "labels, split and epochs have keys of their own",
    }
)
"""Code and what is different with it; see MIGRATION.md."""


def read_fixes(fix: Iterable[str] | None = None) -> frozenset[str]:
    """Return the codes to fix: those given, and those of the environment.

    Parameters
    ----------
    fix : iterable of str, optional
        Codes such as ``'L18'``.

    Returns
    -------
    frozenset of str

    Raises
    ------
    TypeError
        If ``fix`` is a bare string.
    ValueError
        If a code is not in ``FIXABLE``.

    Examples
    --------
    >>> sorted(read_fixes(["L19", "L18"]))
    ['L18', 'L19']
    """
    if isinstance(fix, str):
        raise TypeError(
            f"fix is the string {fix!r}; pass a list of codes, fix=[{fix!r}]."
        )
    asked = [(code, "fix") for code in fix or ()]
    asked += [
        (code.strip(), VARIABLE)
        for code in os.environ.get(VARIABLE, "").split(",")
        if code.strip()
    ]
    for code, where in asked:
        if code not in FIXABLE:
            close = difflib.get_close_matches(str(code), FIXABLE, 1)
            nearest = f" Did you mean {close[0]!r}?" if close else ""
            raise ValueError(
                f"{where} names the defect {code!r}, which cannot be turned "
                f"off; known are {list(FIXABLE)}.{nearest}"
            )
    return frozenset(code for code, _ in asked)

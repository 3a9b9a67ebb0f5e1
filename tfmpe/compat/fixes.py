"""Options that turn off reproduced defects, one by one.

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
        "L18": "log_prob calls the field at the same times as sample",
        "L19": "fresh noise at every call and for every simulation",
        "L20": "every instance has its own random numbers",
        "L21": "padding is 0, not -1e8, and theta is as wide as y",
        "L23": "always: nothing is compiled twice",
        "L24": "any number of training rows; bottom-up without rules",
        "L26": "bottom-up keeps all simulations and varies the local unit",
        "L28": "CNF.log_prob calls the field at the same times as sample",
        "L30": "FMPE.sample_base_dist returns all of theta",
        "L32": "validation has its own noise",
        "L33": "no dropout in validation and after training",
        "L36": "every round has its own noise",
        "L37": "a single event_ndims applies to every leaf",
        "L38": "a constant Jacobian counts once for each element",
        "L39": "index_theta finds columns by input name",
        "L40": "vectors are z-scaled by all their values; NaN is an error",
        "L41": "bijectors without a leaf are errors; full paths are allowed",
        "L42": "the p-value includes the data, and is NaN for NaN data",
        "L43": "nothing is printed or drawn; seaborn is not needed",
        "L44": "classifiers take any number of rows",
        "L47": "the plot is closed, and shows its level and the statistic",
        "L48": "an improvement cancels a stop; NaN is not an improvement",
        "L51": "batches are shuffled only if shuffle is True",
        "L54": "every classifier is evaluated at the same number of points",
        "L61": "labels, split and epochs have their own keys",
    }
)
"""Codes and their effects; see MIGRATION.md."""


def read_fixes(fix: Iterable[str] | None = None) -> frozenset[str]:
    """Return the codes in ``fix`` and in the environment variable.

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
                f"off; expected one of {list(FIXABLE)}.{nearest}"
            )
    return frozenset(code for code, _ in asked)

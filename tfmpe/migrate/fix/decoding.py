"""`decode_theta` of slices that become those of a view."""

import libcst as cst
import libcst.matchers as m

from .arguments import bind
from .legacy_uses import LegacyUse
from .module import Module
from .sides import is_pure

__all__ = ["decoded"]


def decoded(
    module: Module,
    found: LegacyUse,
    view: str,
    own_data: cst.CSTNode | None,
    array: str | None,
    one_sample_axis: bool,
) -> str | None:
    """Return the call of ``view.decode`` with the same result.

    Parameters
    ----------
    module : Module
    found : LegacyUse
        The call of `decode_theta`.
    view : str
        The view of the side that is decoded.
    own_data : CSTNode or None
        The array that is decoded, if it is that view's own data.
    array : str or None
        New code for the array; None to take the text as it is.
    one_sample_axis : bool
        Whether the data have one sample axis.

    Returns
    -------
    str or None
        None where the array, or the comments in the call, would have to be
        written twice or lost.
    """
    call = found.call
    if call is None or m.findall(call, m.Comment()):
        return None
    bound = bind(call, found.entry.parameters)
    if bound is None or set(bound) != set(found.entry.parameters):
        return None
    value, shape = bound["theta"].value, bound["sample_shape"].value
    sizes = shape.elements if isinstance(shape, cst.Tuple) else None
    if own_data is value and one_sample_axis and sizes and len(sizes) == 1:
        # One axis of as many samples as there are.
        return f"{view}.decode()"
    if not is_pure(value):
        return None
    text = array or module.source(value)
    old = module.source(value)
    if module.source(shape) in (f"{old}.shape[:-2]", f"({old}.shape[0],)"):
        return f"{view}.decode({text})"
    if sizes is not None:
        given = ", ".join(module.source(each) for each in sizes)
    else:
        given = f"*{module.source(shape)}"
    # The samples of the array may be laid out in another shape.
    lead = f"{given}, " if given else ""
    return f"{view}.decode({text}.reshape(({lead}*{text}.shape[-2:])))"

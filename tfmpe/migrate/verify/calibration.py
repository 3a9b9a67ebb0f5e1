"""The noise floor: how far the legacy side is from itself.

Each stored call is made twice by the legacy package, where it is installed,
else by the plain oracle that stands for it. The second time sums are taken in
another order, which changes nothing but rounding:

* calls of a flow or a network get the tokens of their context in reverse
  order, with labels, index and masks alike, so that every sum over tokens is
  taken the other way round, and the solver may take other steps. Both orders
  go through one compiled program;
* functions of data are compiled as a whole, where they ran operation by
  operation. They move numbers and add none, so their floor should be zero.

An error of the bridge that is no larger than this says nothing against it.
"""

import importlib
import importlib.util
import inspect
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from tfmpe.migrate import oracle
from tfmpe.migrate.legacy_names import LEGACY, NAMES
from tfmpe.migrate.recordings.cases import Case
from tfmpe.migrate.records.checks import NoiseFloor, Replayed
from tfmpe.migrate.replay.compare import Comparison, compare, joined
from tfmpe.migrate.replay.replay import is_traced
from tfmpe.migrate.replay.silence import silenced
from tfmpe.migrate.replay.targets import REPLAYED
from tfmpe.migrate.replay.trees import arrays_of, copied, fill, take_apart

__all__ = ["Calibration", "cases_to_measure", "reversed_context"]

_MODULES = {"StructuredCNF": "structured_cnf", "SFMPE": "sfmpe"}


class Calibration:
    """Measures noise floors.

    Parameters
    ----------
    package
        The legacy package, used where it is installed; None for the usual
        one.
    """

    def __init__(self, package: str | None = None):
        self._package = package or LEGACY
        self._installed = importlib.util.find_spec(self._package) is not None

    @property
    def source(self) -> str:
        """What is measured."""
        side = self._package if self._installed else "the plain oracle"
        return f"noise floor: {side} against itself with reordered sums"

    def floor(self, row: Replayed, cases: Sequence[Case]) -> NoiseFloor | None:
        """Return how far the calls with the largest errors are from themselves.

        None where no call of a row could be made twice.
        """
        with ThreadPoolExecutor() as pool:
            found = pool.map(self._of_case, cases_to_measure(row, cases))
            measured = [comparison for comparison in found if comparison]
        if not measured:
            return None
        floor = joined(measured)
        largest = (floor.absolute, floor.relative, floor.ulp)
        return NoiseFloor(*(each.value if each else 0.0 for each in largest))

    def _of_case(self, case: Case) -> Comparison | None:
        try:
            with silenced():
                return self._twice(case)
        # What the legacy side cannot do, it cannot be measured on.
        except Exception:
            return None

    def _twice(self, case: Case) -> Comparison:
        target = REPLAYED[case.function]
        if not target.on_flow:
            function = self._function(case.function)
            arrays: list[Any] = []
            taken = take_apart((case.args, case.kwargs), arrays)

            def made(arrays: list[Any]) -> list[Any]:
                args, kwargs = fill(taken, arrays)
                return arrays_of(function(*args, **kwargs))

            return compare(made(arrays), jax.jit(made)(arrays))
        call, names = self._method(case)
        given = dict(zip(names, case.args, strict=False)) | case.kwargs
        other = reversed_context(given)
        # Turned round twice, so that both have arrays in the same places.
        arrays, others = [], []
        taken = take_apart(reversed_context(other), arrays)
        take_apart(other, others)
        compiled = jax.jit(lambda arrays: call(**fill(taken, arrays)))
        return compare(compiled(arrays), compiled(others))

    def _function(self, name: str) -> Callable[..., Any]:
        if not self._installed:
            return getattr(oracle, name)
        entry = next(e for e in NAMES.values() if e.name == name)
        module = importlib.import_module(f"{self._package}.{entry.module}")
        return getattr(module, name)

    def _method(self, case: Case) -> tuple[Callable[..., Any], list[str]]:
        """Return a method and the names of its arguments."""
        from tfmpe.compat.nn.transformer import read_parameters
        from tfmpe.migrate.replay.flow_calls import read_setting

        setting = read_setting(case.extra)
        owner, _, method = case.function.partition(".")
        entry = NAMES.get(f"{LEGACY}.{_MODULES.get(owner)}.{case.function}")
        # A network is called by keyword.
        names = list(entry.parameters) if entry else []
        if self._installed and owner != "Transformer":
            made = self._class("structured_cnf", "StructuredCNF")(
                setting.field, rngs=setting.rngs
            )
            if owner == "SFMPE":
                made = self._class("sfmpe", "SFMPE")(made, rngs=setting.rngs)
            return getattr(made, method), names
        field: Any = setting.field
        if case.extra is not None and "params" in case.extra:
            field = partial(oracle.transformer, read_parameters(field))
        if owner == "Transformer":
            return field, names
        call = partial(getattr(oracle, method), field)
        if "key" in inspect.signature(call).parameters:
            call = partial(call, key=setting.rngs.base_dist())
        return call, names

    def _class(self, module: str, name: str) -> Any:
        found = importlib.import_module(f"{self._package}.{module}")
        return getattr(found, name)


def reversed_context(given: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a flow with its context the other way round.

    The arguments are named; it is the same call but for the order of sums.

    Examples
    --------
    >>> import numpy as np
    >>> reversed_context({"context": np.arange(3.0)[None, :, None]})[
    ...     "context"
    ... ].ravel()
    Array([2., 1., 0.], dtype=float32)
    """
    found = copied(given)
    for name, axes in (
        ("context", (1,)),
        ("context_label", (-1,)),
        ("context_index", (1,)),
        ("context_mask", (-1, -2)),
        ("cross_mask", (-1,)),
    ):
        _reverse(found, name, axes)
    for name in ("labels", "index"):
        _reverse(found.get(name), "y", (1,))
    masks = found.get("masks") or {}
    _reverse(masks.get("padding"), "y", (-1,))
    _reverse(masks.get("attention"), "y", (-1, -2))
    _reverse(masks.get("attention"), "cross", (-1,))
    return found


def _reverse(
    tree: dict[str, Any] | None, name: str, axes: tuple[int, ...]
) -> None:
    if tree is not None and tree.get(name) is not None:
        tree[name] = jnp.flip(tree[name], axes)


def cases_to_measure(row: Replayed, cases: Sequence[Case]) -> tuple[Case, ...]:
    """Return the calls whose noise belongs beside the errors of a row.

    The ones with the largest errors; without any, the first one. None that
    ended in an exception, has no values, or is of format 2.
    """
    known = {
        case.name: case
        for case in cases
        if case.raises is None and not is_traced(case) and not case.target
    }
    largest = (row.tally.absolute, row.tally.relative)
    names = {str(each.case) for each in largest if each} & known.keys()
    return tuple(known[name] for name in sorted(names or [*known][:1]))

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
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from tfmpe.migrate.catalogue import NAMES
from tfmpe.migrate.legacy_names import BRIDGE, LEGACY
from tfmpe.migrate.recordings.nodes import Abstract
from tfmpe.migrate.recordings.read import Case
from tfmpe.migrate.replay.compare import compare
from tfmpe.migrate.replay.comparison import Comparison
from tfmpe.migrate.replay.oracle import load_oracle
from tfmpe.migrate.replay.silence import silenced
from tfmpe.migrate.replay.targets import REPLAYED
from tfmpe.migrate.replay.trees import arrays_of, copied, fill, take_apart

from .report import Row

__all__ = ["Calibration", "cases_to_measure", "reversed_context"]

_N_WORKERS = min(os.cpu_count() or 1, 4)
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

    def floors(
        self,
        groups: Sequence[tuple[Case, ...]],
        progress: Callable[[int], None] = lambda done: None,
    ) -> list[Comparison | None]:
        """Return how far calls are from themselves.

        Parameters
        ----------
        groups
            Calls, those of one row of a report together.
        progress
            Called with the number of groups that are done.

        Returns
        -------
        list of Comparison or None
            One for every group; None where no call could be made twice.
        """
        floors: list[Comparison | None] = []
        # Most of the time the compiler is at work, which leaves Python free.
        with ThreadPoolExecutor(_N_WORKERS) as pool:
            calls = [
                [pool.submit(self._of_case, case) for case in cases]
                for cases in groups
            ]
            for done, group in enumerate(calls, 1):
                found = [call.result() for call in group]
                measured = [comparison for comparison in found if comparison]
                floors.append(sum(measured, Comparison()) if measured else None)
                progress(done)
        return floors

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
            return getattr(load_oracle(), name)
        entry = next(e for e in NAMES.values() if e.name == name)
        module = importlib.import_module(f"{self._package}.{entry.module}")
        return getattr(module, name)

    def _method(self, case: Case) -> tuple[Callable[..., Any], list[str]]:
        """Return a method and the names of its arguments."""
        from tfmpe.compat.nn.transformer import read_parameters
        from tfmpe.migrate.replay.flow_calls import read_setting

        setting = read_setting(case.extra)
        owner, _, method = case.function.partition(".")
        names = []
        if owner in _MODULES:
            # A network is called by keyword.
            module = importlib.import_module(f"{BRIDGE}.{_MODULES[owner]}")
            called = getattr(getattr(module, owner), method)
            names = list(inspect.signature(called).parameters)[1:]
        if self._installed and owner != "Transformer":
            made = self._class("structured_cnf", "StructuredCNF")(
                setting.field, rngs=setting.rngs
            )
            if owner == "SFMPE":
                made = self._class("sfmpe", "SFMPE")(made, rngs=setting.rngs)
            return getattr(made, method), names
        oracle = load_oracle()
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

    Parameters
    ----------
    given
        By name, of a method of `StructuredCNF` or `SFMPE` or of a network.

    Returns
    -------
    dict
        The same call but for the order of sums.

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


def cases_to_measure(row: Row, cases: Iterable[Case]) -> tuple[Case, ...]:
    """Return the calls whose noise belongs beside the errors of a row.

    Parameters
    ----------
    row
        Of a report.
    cases
        Those that were replayed for it.

    Returns
    -------
    tuple of Case
        The ones with the largest errors; without any, the first one. None
        that ended in an exception or has no values.
    """
    known = {case.name: case for case in cases if _has_values(case)}
    largest = (row.largest_absolute, row.largest_relative)
    names = {extreme[0] for extreme in largest if extreme} & known.keys()
    return tuple(known[name] for name in sorted(names or [*known][:1]))


def _has_values(case: Case) -> bool:
    if case.traced or case.raises is not None:
        return False
    leaves = jax.tree.leaves((case.args, case.kwargs, case.output))
    return not any(isinstance(leaf, Abstract) for leaf in leaves)

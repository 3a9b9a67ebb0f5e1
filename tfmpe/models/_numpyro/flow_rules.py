"""Dependency rules for JAX primitives.

Each returns the marks of the results of an equation (see ``marks``), given
those of its operands. Names of primitives are stable across releases of JAX.
Every result of a primitive that is not listed here depends on all operands.
"""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from jax import lax
from jax.extend.core import JaxprEqn
from jaxtyping import Array, Bool

from .marks import Marks, Rule, State, dense, dense_all, shape_of


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ELEMENTWISE = _names(
    """
    abs acos acosh add add_any and asin asinh atan atan2 atanh bessel_i0e
    bessel_i1e bitcast_convert_type cbrt ceil clamp clz complex conj
    convert_element_type copy copy_p cos cosh digamma div eq eq_to erf erf_inv
    erfc exp exp2 expm1 floor ge gt igamma igamma_grad_a igammac imag
    integer_pow is_finite le le_to lgamma log log1p logistic lt lt_to max min
    mulhi ne neg nextafter not or polygamma population_count pow random_gamma
    random_gamma_grad real reduce_precision regularized_incomplete_beta rem
    round rsqrt shift_left shift_right_arithmetic shift_right_logical sign sin
    sinh sqrt square stop_gradient sub tan tanh xor zeta
    """
)
_MOVED = _names(
    """
    broadcast_in_dim concatenate expand_dims pad reshape rev slice split squeeze
    stack tile transpose unstack
    """
)
_REDUCED = _names(
    """
    argmax argmin reduce_and reduce_max reduce_min reduce_or reduce_prod
    reduce_sum reduce_xor
    """
)
_MATRICES = _names(
    """
    cholesky eig eigh geqrf householder_product lu qr schur svd tridiagonal
    tridiagonal_solve
    """
)
_CUMULATIVE = _names(
    """
    cumlogsumexp cummax cummin cumprod cumsum
    """
)


def rule_of(eqn: JaxprEqn) -> Rule:
    """Return the rule of an equation."""
    name = eqn.primitive.name
    for names, rule in (
        (_ELEMENTWISE, _elementwise),
        (_MOVED, _moved),
        (_REDUCED, _reduced),
        (_MATRICES, _matrices),
        (_CUMULATIVE, _cumulative),
    ):
        if name in names:
            return rule
    if name.startswith("scatter"):
        return _scatter
    return _OTHERS.get(name, mixed)


def _union(found: Sequence[Marks], shape: tuple[int, ...]) -> Marks:
    """Return the union of marks, in a given shape.

    Marks that cannot be broadcast to the shape mark all of it or nothing.
    """
    union: Marks = None
    for marks in found:
        if marks is None:
            continue
        each = jnp.shape(marks)
        fits = len(each) == len(shape) and all(
            n in (1, size) for n, size in zip(each, shape, strict=True)
        )
        if each and not fits:
            marks = jnp.any(marks)
        union = marks if union is None else union | marks
    return None if union is None else jnp.broadcast_to(union, shape)


def mixed(eqn: JaxprEqn, states: Sequence[State]) -> list[Marks]:
    """Mark all results of an equation if any operand has marks."""
    found = [jnp.any(s.marks) for s in states if s.marks is not None]
    return [_union(found, shape_of(var)) for var in eqn.outvars]


def _elementwise(eqn: JaxprEqn, states: Sequence[State]) -> list[Marks]:
    found = [state.marks for state in states]
    return [_union(found, shape_of(var)) for var in eqn.outvars]


def _each(eqn: JaxprEqn, states: Sequence[State]) -> list[Marks]:
    return [state.marks for state in states]


def _times(eqn: JaxprEqn, states: Sequence[State]) -> list[Marks]:
    # A product with a known zero is zero.
    x, y = states
    found = [
        marks
        if other is None or marks is None
        else jnp.broadcast_to(marks, shape_of(eqn.outvars[0])) & (other != 0)
        for marks, other in ((x.marks, y.value), (y.marks, x.value))
    ]
    return [_union(found, shape_of(eqn.outvars[0]))]


def _select(eqn: JaxprEqn, states: Sequence[State]) -> list[Marks]:
    which, cases, shape = states[0], states[1:], shape_of(eqn.outvars[0])
    if which.value is None:
        return _elementwise(eqn, states)
    return [lax.select_n(which.value, *(dense(each, shape) for each in cases))]


def _moved(eqn: JaxprEqn, states: Sequence[State]) -> list[Marks]:
    given = dense_all(states, eqn.invars)
    found = eqn.primitive.bind(*given, **eqn.params)
    return [*found] if eqn.primitive.multiple_results else [found]


def _reduced(eqn: JaxprEqn, states: Sequence[State]) -> list[Marks]:
    x = dense(states[0], shape_of(eqn.invars[0]))
    return [jnp.any(x, axis=tuple(eqn.params["axes"]))]


def _reduce(eqn: JaxprEqn, states: Sequence[State]) -> list[Marks]:
    n, axes = len(eqn.outvars), tuple(eqn.params["dimensions"])
    marks = jnp.squeeze(_along(axes, states[:n], eqn), axes)
    start = [jnp.any(s.marks) for s in states[n:] if s.marks is not None]
    return [_union([marks, *start], shape_of(var)) for var in eqn.outvars]


def _cumulative(eqn: JaxprEqn, states: Sequence[State]) -> list[Marks]:
    x = dense(states[0], shape_of(eqn.invars[0])).astype(jnp.int32)
    axis, reverse = eqn.params["axis"], eqn.params["reverse"]
    return [lax.cummax(x, axis=axis, reverse=reverse) > 0]


def _along(
    axes: Sequence[int], states: Sequence[State], eqn: JaxprEqn
) -> Bool[Array, "..."]:
    """Return the union of the marks of all operands, mixed along some axes."""
    shape = shape_of(eqn.invars[0])
    union = jnp.zeros(shape, bool)
    for state in states:
        union = union | dense(state, shape)
    return jnp.any(union, axis=tuple(axes), keepdims=True)


def _over_results(marks: Bool[Array, "..."], eqn: JaxprEqn) -> list[Marks]:
    return [jnp.broadcast_to(marks, shape_of(var)) for var in eqn.outvars]


def _sort(eqn: JaxprEqn, states: Sequence[State]) -> list[Marks]:
    marks = _along([eqn.params["dimension"]], states, eqn)
    return _over_results(marks, eqn)


def _top_k(eqn: JaxprEqn, states: Sequence[State]) -> list[Marks]:
    # Old releases of JAX only support the last axis.
    marks = _along([eqn.params.get("axis", -1)], states, eqn)
    return _over_results(marks, eqn)


def _fft(eqn: JaxprEqn, states: Sequence[State]) -> list[Marks]:
    n_axes = len(eqn.params["fft_lengths"])
    marks = _along(range(-n_axes, 0), states, eqn)
    return _over_results(marks, eqn)


def _matrices(eqn: JaxprEqn, states: Sequence[State]) -> list[Marks]:
    batch = shape_of(eqn.invars[0])[:-2]
    union = jnp.zeros(batch, bool)
    for marks in dense_all(states, eqn.invars):
        inside = tuple(range(len(batch), marks.ndim))
        union = union | jnp.any(marks, axis=inside)
    found = []
    for shape in map(shape_of, eqn.outvars):
        inside = tuple(range(len(batch), len(shape)))
        found.append(jnp.broadcast_to(jnp.expand_dims(union, inside), shape))
    return found


def _triangular_solve(eqn: JaxprEqn, states: Sequence[State]) -> list[Marks]:
    # Each column (or row) of the right-hand side is solved separately.
    matrix, right = dense_all(states, eqn.invars)
    mixed = -2 if eqn.params["left_side"] else -1
    marks = jnp.any(right, axis=mixed, keepdims=True)
    marks = marks | jnp.any(matrix, axis=(-2, -1), keepdims=True)
    return _over_results(marks, eqn)


def _product(eqn: JaxprEqn, states: Sequence[State]) -> list[Marks]:
    # As for a product of numbers: a known zero lets nothing through.
    factors = [
        jnp.ones(shape_of(var), jnp.float32)
        if state.value is None
        else jnp.asarray(state.value != 0, jnp.float32)
        for state, var in zip(states, eqn.invars, strict=True)
    ]
    marked = [
        marks.astype(jnp.float32) for marks in dense_all(states, eqn.invars)
    ]
    params = {**eqn.params, "preferred_element_type": jnp.dtype(jnp.float32)}
    total = jnp.zeros(shape_of(eqn.outvars[0]), bool)
    for pair in ((marked[0], factors[1]), (factors[0], marked[1])):
        total = total | (eqn.primitive.bind(*pair, **params) > 0)
    return [total]


def _indices(
    states: Sequence[State], eqn: JaxprEqn, first: int
) -> tuple[list[Any] | None, Bool[Array, ""]]:
    """Return known scalar indices, and whether any of them is marked."""
    given = states[first:]
    marked = jnp.zeros((), bool)
    for state in given:
        if state.marks is not None:
            marked = marked | jnp.any(state.marks)
    if any(state.value is None for state in given):
        return None, marked
    return [state.value for state in given], marked


def _dynamic_slice(eqn: JaxprEqn, states: Sequence[State]) -> list[Marks]:
    x, shape = (
        dense(states[0], shape_of(eqn.invars[0])),
        shape_of(eqn.outvars[0]),
    )
    indices, marked = _indices(states, eqn, 1)
    if indices is not None:
        return [lax.dynamic_slice(x, indices, shape)]
    moved = [i for i, n in enumerate(x.shape) if n != shape[i]]
    x = jnp.any(x, axis=tuple(moved), keepdims=True)
    return [jnp.broadcast_to(x, shape) | marked]


def _dynamic_update_slice(
    eqn: JaxprEqn, states: Sequence[State]
) -> list[Marks]:
    x, update = dense_all(states[:2], eqn.invars[:2])
    indices, marked = _indices(states, eqn, 2)
    if indices is not None:
        return [lax.dynamic_update_slice(x, update, indices)]
    moved = [i for i, n in enumerate(x.shape) if n != update.shape[i]]
    return [x | jnp.any(update, axis=tuple(moved), keepdims=True) | marked]


def _gather(eqn: JaxprEqn, states: Sequence[State]) -> list[Marks]:
    x, out = dense(states[0], shape_of(eqn.invars[0])), shape_of(eqn.outvars[0])
    numbers, index = eqn.params["dimension_numbers"], states[1]
    params = {**eqn.params, "fill_value": 0}
    where = index.value
    if where is None:
        # Any coordinate of the indexed axes may be read.
        axes = tuple(numbers.start_index_map)
        x = jnp.broadcast_to(jnp.any(x, axis=axes, keepdims=True), x.shape)
        where = jnp.zeros(shape_of(eqn.invars[1]), jnp.int32)
    found = eqn.primitive.bind(x, where, **params)
    if index.marks is not None:
        # The last axis of indices holds the parts of one index.
        marks = jnp.any(dense(index, shape_of(eqn.invars[1])), axis=-1)
        kept = [i for i in range(len(out)) if i not in numbers.offset_dims]
        found = found | lax.broadcast_in_dim(marks, out, kept)
    return [found]


def _scatter(eqn: JaxprEqn, states: Sequence[State]) -> list[Marks]:
    x, index, update = states[:3]
    out = shape_of(eqn.outvars[0])
    old = dense(x, out)
    if index.value is None:
        found = [s.marks for s in (index, update) if s.marks is not None]
        return [_union([old, *map(jnp.any, found)], out)]

    def spread(update: Bool[Array, "..."]) -> Bool[Array, "..."]:
        total = lax.scatter_add(
            jnp.zeros(out, jnp.float32),
            index.value,
            update.astype(jnp.float32),
            eqn.params["dimension_numbers"],
            mode=eqn.params["mode"],
        )
        return total > 0

    shape = shape_of(eqn.invars[2])
    if eqn.primitive.name == "scatter" and eqn.params["update_jaxpr"] is None:
        # Overwrites old values
        old = old & ~spread(jnp.ones(shape, bool))
    return [old | spread(dense(update, shape))]


_OTHERS: dict[str, Rule] = {
    "device_put": _each,
    "name": _each,
    "sharding_constraint": _each,
    "conv_general_dilated": _product,
    "dot_general": _product,
    "dynamic_slice": _dynamic_slice,
    "dynamic_update_slice": _dynamic_update_slice,
    "fft": _fft,
    "gather": _gather,
    "mul": _times,
    "optimization_barrier": _each,
    "reduce": _reduce,
    "select_n": _select,
    "sort": _sort,
    "top_k": _top_k,
    "triangular_solve": _triangular_solve,
}

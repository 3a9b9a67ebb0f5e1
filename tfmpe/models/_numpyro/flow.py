"""Flow of data through a JAX program, followed element by element.

For marked elements of some inputs (see ``marks``), an interpreter of jaxprs
marks the elements of each result that may depend on them. It covers all values
that the inputs could have, and follows comparisons, branches and integers too.
Every result of a primitive without a rule depends on all operands.
"""

from collections.abc import Callable, Sequence
from functools import reduce
from operator import or_
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal
from jaxtyping import Array, Bool

from .flow_rules import mixed, rule_of
from .marks import UNKNOWN, Marks, State, dense, dense_all, shape_of


def follow(
    jaxpr: ClosedJaxpr, marks: Sequence[Marks]
) -> list[Bool[Array, "..."]]:
    """Return the marks of all results of a program, from those of its inputs.

    Works under ``jit`` and ``vmap`` with respect to the marks.
    """
    states = _run(jaxpr, [State(marks=each) for each in marks])
    return dense_all(states, jaxpr.jaxpr.outvars)


def _run(program: Any, states: Sequence[State]) -> list[State]:
    """Interpret a jaxpr, closed or not."""
    jaxpr = program.jaxpr if isinstance(program, ClosedJaxpr) else program
    consts = program.consts if isinstance(program, ClosedJaxpr) else ()
    known: dict[Any, State] = dict(
        zip(jaxpr.constvars, map(State, consts), strict=True)
    )
    known.update(zip(jaxpr.invars, states, strict=True))

    def read(var: Any) -> State:
        return State(var.val) if isinstance(var, Literal) else known[var]

    for eqn in jaxpr.eqns:
        known.update(
            zip(eqn.outvars, _apply(eqn, [*map(read, eqn.invars)]), strict=True)
        )
    return [read(var) for var in jaxpr.outvars]


def _apply(eqn: JaxprEqn, states: list[State]) -> list[State]:
    """Return the states of the results of one equation."""
    if (inner := _called(eqn)) is not None:
        return _run(inner, states)
    if all(state.value is not None for state in states):
        values = [state.value for state in states]
        found = eqn.primitive.bind(*values, **eqn.params)
        several = eqn.primitive.multiple_results
        return [State(value) for value in (found if several else [found])]
    if all(state.marks is None for state in states):
        return [UNKNOWN] * len(eqn.outvars)
    if (loop := _LOOPS.get(eqn.primitive.name)) is not None:
        return loop(eqn, states)
    try:
        found = rule_of(eqn)(eqn, states)
    except (AttributeError, KeyError, TypeError, ValueError):
        # Another release of JAX may have other parameters.
        found = mixed(eqn, states)
    return [State(marks=marks) for marks in found]


def _called(eqn: JaxprEqn) -> Any:
    """Return the program that an equation calls; None if it does more."""
    for name in ("jaxpr", "call_jaxpr", "fun_jaxpr"):
        inner = eqn.params.get(name)
        if isinstance(inner, (Jaxpr, ClosedJaxpr)):
            jaxpr = inner.jaxpr if isinstance(inner, ClosedJaxpr) else inner
            # The program of a reduction takes single elements.
            same = [
                [shape_of(var) for var in (*each.invars, *each.outvars)]
                for each in (jaxpr, eqn)
            ]
            calls = same[0] == same[1] and eqn.primitive.name not in _LOOPS
            return inner if calls else None
    return None


def _packed(state: State, var: Any, is_known: bool) -> Any:
    """Return what a loop carries of a variable: its value or its marks."""
    return state.value if is_known else dense(state, shape_of(var))


def _unpacked(carried: Any, is_known: bool) -> State:
    return State(carried) if is_known else State(marks=carried)


def _kept(carry: list[State], known: list[bool]) -> list[State]:
    """Return states without the values that do not stay known in a loop."""
    return [
        state if is_known else State(marks=state.marks)
        for state, is_known in zip(carry, known, strict=True)
    ]


def _stable(
    step: Callable[[list[State]], list[State]], carry: list[State]
) -> list[bool]:
    """Return which variables of a loop keep known values in every step."""
    known = [state.value is not None for state in carry]
    while True:
        found: list[bool] = []

        def probe(known: list[bool] = known, found: list[bool] = found) -> None:
            after = step(_kept(carry, known))
            found += [state.value is not None for state in after]

        jax.eval_shape(probe)
        new = [a and b for a, b in zip(known, found, strict=True)]
        if new == known:
            return known
        known = new


def _scan(eqn: JaxprEqn, states: list[State]) -> list[State]:
    body, n_consts = eqn.params["jaxpr"], eqn.params["num_consts"]
    n_carry = eqn.params["num_carry"]
    consts, carry = states[:n_consts], states[n_consts:][:n_carry]
    xs = states[n_consts + n_carry :]
    # The value or the marks have the axis of the steps; both may be None.
    rows = [tuple(state) for state in xs]

    def run(carry: list[State], row: Sequence[Any]) -> list[State]:
        return _run(body, [*consts, *carry, *(State(*each) for each in row)])

    def first(carry: list[State]) -> list[State]:
        row = jax.tree.map(lambda x: x[0], rows)
        return run(carry, row)[:n_carry]

    if not eqn.params["length"]:
        return [
            State(marks=dense(UNKNOWN, shape_of(var))) for var in eqn.outvars
        ]
    known = _stable(first, carry)
    variables = body.jaxpr.outvars
    is_value: list[bool] = []

    def step(carried: list[Any], row: Sequence[Any]) -> tuple[list[Any], Any]:
        found = run([*map(_unpacked, carried, known)], row)
        kept = [s.value is not None for s in found[n_carry:]]
        is_value[:] = kept
        return (
            [*map(_packed, found[:n_carry], variables, known)],
            [*map(_packed, found[n_carry:], variables[n_carry:], kept)],
        )

    last, ys = lax.scan(
        step,
        [*map(_packed, carry, variables, known)],
        rows,
        length=eqn.params["length"],
        reverse=eqn.params["reverse"],
    )
    return [*map(_unpacked, last, known), *map(_unpacked, ys, is_value)]


_SAMPLERS = (
    "jax/_src/random",
    "numpyro/distributions/directional.py",
    "numpyro/distributions/discrete.py",
    "numpyro/distributions/util.py",
)


def _while(eqn: JaxprEqn, states: list[State]) -> list[State]:
    n_cond, n_body = eqn.params["cond_nconsts"], eqn.params["body_nconsts"]
    test, body = eqn.params["cond_jaxpr"], eqn.params["body_jaxpr"]
    for_test, for_body = states[:n_cond], states[n_cond:][:n_body]
    carry, variables = states[n_cond + n_body :], body.jaxpr.outvars

    def step(carry: list[State]) -> list[State]:
        return _run(body, [*for_body, *carry])

    known = _stable(step, carry)
    decided: list[bool] = []

    def ends(carry: list[State]) -> State:
        return _run(test, [*for_test, *carry])[0]

    kept = _kept(carry, known)
    jax.eval_shape(lambda: decided.append(ends(kept).value is not None))
    if decided[0] and not shape_of(test.jaxpr.outvars[0]):

        def forward(carried: list[Any]) -> list[Any]:
            found = step([*map(_unpacked, carried, known)])
            return [*map(_packed, found, variables, known)]

        last = lax.while_loop(
            lambda carried: ends([*map(_unpacked, carried, known)]).value,
            forward,
            [*map(_packed, carry, variables, known)],
        )
        return [*map(_unpacked, last, known)]

    def grow(carried: Any) -> Any:
        marks, _ = carried
        given = [State(marks=each) for each in marks]
        new = [
            old | dense(state, old.shape)
            for old, state in zip(marks, step(given), strict=True)
        ]
        # Marks that reach the condition reach every result.
        last = ends(given)
        if last.marks is not None and not _is_sampler(eqn):
            # Under vmap, each row has its own condition.
            rows = last.marks.ndim
            new = [
                each
                | jnp.expand_dims(last.marks, tuple(range(rows, each.ndim)))
                for each in new
            ]
        changed = [jnp.any(a != b) for a, b in zip(new, marks, strict=True)]
        return new, jnp.any(jnp.stack(changed))

    start = dense_all(carry, variables)
    marks, _ = lax.while_loop(lambda c: c[1], grow, (start, jnp.array(True)))
    return [State(marks=each) for each in marks]


def _is_sampler(eqn: JaxprEqn) -> bool:
    """Return whether a loop of JAX or NumPyro draws elements independently.

    It runs until all elements are accepted, so its condition ties them.
    """
    traceback = eqn.source_info.traceback
    frames = traceback.frames if traceback else ()
    return any(
        name in frame.file_name for frame in frames for name in _SAMPLERS
    )


def _cond(eqn: JaxprEqn, states: list[State]) -> list[State]:
    index, given = states[0], states[1:]

    def marks_of(branch: ClosedJaxpr) -> list[Bool[Array, "..."]]:
        return dense_all(_run(branch, given), eqn.outvars)

    branches = eqn.params["branches"]
    if index.value is not None:
        found = lax.switch(
            index.value, [lambda b=branch: marks_of(b) for branch in branches]
        )
        return [State(marks=each) for each in found]
    chosen = jnp.any(dense(index, shape_of(eqn.invars[0])))
    return [
        State(marks=reduce(or_, each, chosen))
        for each in zip(*map(marks_of, branches), strict=True)
    ]


_LOOPS: dict[str, Callable[[JaxprEqn, list[State]], list[State]]] = {
    "scan": _scan,
    "while": _while,
    "cond": _cond,
}

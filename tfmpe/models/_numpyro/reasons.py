"""Reasons for the layout that was found, in words."""

from collections.abc import Iterator, Mapping

from .groups import Dimensions
from .inputs import Inputs
from .rules import Decision
from .sites import Site

Reason = tuple[str, str]


def explain(
    sites: Mapping[str, Site],
    decisions: list[Decision],
    dimensions: Dimensions,
    inputs: Inputs,
    positions: Mapping[str, list[int]],
    missed: Mapping[tuple[str, str], set[str]],
) -> tuple[Reason, ...]:
    """Return pairs of a rule and its reason."""
    none = [f"{d.a} and {d.b}" for d in decisions if d.kind == "cross"]
    rules = [_decision(d, missed) for d in decisions if d.kind != "cross"]
    if none:
        why = "neither depends on the other, and no token on both"
        rules.append((f"cross {', '.join(none)}", why))
    return (
        *_groups(dimensions),
        *_inputs(inputs),
        *_positions(positions),
        *_simulated(sites),
        *rules,
    )


def _positions(positions: Mapping[str, list[int]]) -> Iterator[Reason]:
    for key, axes in positions.items():
        where = f"axis {axes[0]}" if len(axes) == 1 else f"axes {axes}"
        yield (
            f"positions {key}",
            f"its tokens are in order along {where}, or rules do not say which "
            "belong together",
        )


def _groups(dimensions: Dimensions) -> Iterator[Reason]:
    for (key, name), reason in dimensions.reasons.items():
        yield f"groups {key}: {name}", reason


def _inputs(inputs: Inputs) -> Iterator[Reason]:
    for key, names in inputs.names.items():
        yield (
            f"inputs {key}: {', '.join(names)}",
            f"enter {key} token by token",
        )
    for name, why in inputs.left_out.items():
        yield f"argument {name}", f"no functional input: {why}"


def _simulated(sites: Mapping[str, Site]) -> Iterator[Reason]:
    for name, site in sites.items():
        if not site.has_density:
            yield (
                f"simulator {name}",
                "has no density; its tokens are taken to be independent of one "
                "another given what they depend on, as NumPyro's batch shapes "
                "promise",
            )


def _decision(
    decision: Decision, missed: Mapping[tuple[str, str], set[str]]
) -> Reason:
    a, b, kind, factors, match = decision
    if match is None:
        return (
            f"local {a}",
            f"given all else, no token of {a} depends on another",
        )
    tied = _tied(a, b, factors)
    sure = _sure(a, b, factors, missed)
    if kind == "open":
        return f"open {a}, {b}", f"{tied}; {sure}"
    dims = match.dims
    where = {str: f"on {dims}", tuple: f"on axes {dims}"}.get(
        type(dims), "position by position"
    )
    return f"cross_local {a}, {b} {where}", f"{tied}, there only; {sure}"


def _tied(a: str, b: str, factors: tuple[str, ...]) -> str:
    parts = []
    for factor in factors:
        if factor == a == b:
            parts.append(f"{a} depends on other tokens of {a}")
        elif factor in (a, b):
            parts.append(f"{factor} depends on {b if factor == a else a}")
        elif a == b:
            parts.append(f"{factor} depends on several tokens of {a}")
        else:
            parts.append(f"{factor} depends on both")
    return ", ".join(parts)


def _sure(
    a: str,
    b: str,
    factors: tuple[str, ...],
    missed: Mapping[tuple[str, str], set[str]],
) -> str:
    """Return how far the probes agree on the edges that tie two keys."""
    found: set[str] = set()
    for factor in factors:
        for parent in {a, b} - ({factor} if a != b else set()):
            found |= missed.get((factor, parent), set())
    if "all" in found:
        return (
            "left open, because the program may make more tokens dependent "
            "than NaN, tangents and redraws show"
        )
    if found:
        return f"detected only in part by {' and '.join(sorted(found))}"
    return "all probes agree"

"""Probes of a model: which tokens a change of other tokens reaches.

The flow of data is an upper bound that holds for all values. Three probes at
drawn values do not rely on it, nor on one another: NaN in place of the tokens,
random tangents, and redrawn values. A tie that any of them sees counts. NaN
does not count by itself, since it also passes through a product with zero.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from tfmpe._base.arrays import AnyArray

from .edges import Hits, Lanes
from .flow import follow
from .marks import Marks
from .sites import Site, run_of
from .supports import spread_out

_LANES = 64
_TOLERANCE = 1e-4  # Of sums in another order, in units of 1 + |value|

KINDS = ("NaN", "tangents", "redraws")


class Flow:
    """The flow of data from arrays to the output of each site."""

    def __init__(
        self,
        outputs: Callable[..., dict[str, Array]],
        given: Mapping[str, AnyArray],
        marked: Mapping[str, tuple[int, ...]],
        sites: Mapping[str, Site],
    ) -> None:
        # Arrays that are not marked are unknown too, like the random numbers.
        names, key = list(given), jax.random.key(0)

        def flat(key: Any, *arrays: AnyArray) -> list[Array]:
            found = outputs(dict(zip(names, arrays, strict=True)), key)
            return [found[name] for name in sites]

        program = jax.make_jaxpr(flat)(key, *given.values())

        def lane(marks: Mapping[str, Array]) -> dict[str, Array]:
            states: list[Marks] = [None]
            for name in names:
                shape = jnp.shape(given[name])
                each = None
                if name in marked:
                    extra = len(shape) - len(marked[name])
                    each = marks[name].reshape(marked[name] + (1,) * extra)
                    each = jnp.broadcast_to(each, shape)
                states.append(each)
            found = follow(program, states)
            return {
                name: _per_token(each, site, 0)
                for (name, site), each in zip(sites.items(), found, strict=True)
            }

        self._marked = marked
        self._program = jax.jit(jax.vmap(lane))
        self.has_loops = " while[" in str(program)

    def __call__(self, name: str, lanes: Lanes) -> Hits:
        """Return the tokens of each site that may depend on given tokens.

        Each row of ``lanes[name]`` is one set of tokens of the array ``name``.
        """
        n = len(lanes[name])
        found = []
        for start in range(0, n, _LANES):
            rows = slice(start, start + _LANES)
            part = _padded(lanes[name][rows])
            full = {
                each: part if each == name else np.zeros((_LANES, *shape), bool)
                for each, shape in self._marked.items()
            }
            found.append(jax.tree.map(np.asarray, self._program(full)))
        return {
            site: np.concatenate([each[site] for each in found])[:n]
            for site in found[0]
        }


class Probes:
    """All probes of the sites of a model.

    ``missed`` has, for pairs of keys, child first, the probes that do not see
    all edges; and 'all', if none of the three probes sees some of the edges.
    """

    def __init__(
        self,
        outputs: Callable[..., dict[str, Array]],
        sites: Mapping[str, Site],
        draws: Mapping[str, AnyArray],
    ) -> None:
        self.missed: dict[tuple[str, str], set[str]] = {}
        self._sites = sites
        self._draws = {name: np.asarray(draws[name]) for name in sites}
        marked = {name: site.event_shape for name, site in sites.items()}
        first = run_of(self._draws, 0)
        self._flow = Flow(outputs, first, marked, sites)

        @jax.jit
        def far(draws: Mapping[str, Array]) -> dict[str, AnyArray]:
            return {
                name: spread_out(site.support, draws[name])
                for name, site in sites.items()
            }

        third = run_of(self._draws, 2)
        self._far = jax.tree.map(np.asarray, far(third))
        key = jax.random.key(1)

        def values(given: Mapping[str, Array]) -> dict[str, Array]:
            return outputs(given, key)

        def slopes(
            at: Mapping[str, Array], tangents: Mapping[str, Array]
        ) -> dict[str, Array]:
            def move(real: Mapping[str, Array]) -> dict[str, Array]:
                return outputs({**at, **real}, key)

            real = {name: at[name] for name in tangents}
            return jax.jvp(move, (real,), (dict(tangents),))[1]

        self._values = jax.jit(jax.vmap(values))
        self._slopes: Any = jax.jit(jax.vmap(slopes, (None, 0)))
        real = {
            name: each[:1]
            for name, each in self._draws.items()
            if sites[name].is_float
        }
        try:
            jax.eval_shape(self._slopes, first, real)
        except Exception:  # Not all programs have a forward derivative.
            self._slopes = None
        self._bases = []
        for base in (0, 1):
            at = run_of(self._draws, base)
            self._bases.append((at, self._run(at)))

    def __call__(self, name: str, lanes: Lanes) -> Hits:
        """Return the tokens that some tokens of a key reach in any probe."""
        flow = self._flow(name, lanes)
        masks = lanes[name]
        parts = [
            self._measure(name, masks[start : start + _LANES])
            for start in range(0, len(masks), _LANES)
        ]
        found = {}
        for child, hits in flow.items():
            by_kind = [
                np.concatenate([part[kind][child] for part in parts])
                for kind in KINDS
            ]
            nan, tangents, redraws = by_kind
            union = hits | tangents | redraws
            missed = self.missed.setdefault((child, name), set())
            if self._sites[name].is_float or child == name:
                missed.update(
                    kind
                    for kind, each in zip(KINDS, by_kind, strict=True)
                    if (union & ~each).any()
                )
            if (union & ~(nan | tangents | redraws)).any():
                missed.add("all")
            found[child] = union
        return found

    def _measure(
        self, name: str, masks: Bool[np.ndarray, "lanes ..."]
    ) -> dict[str, dict[str, Bool[np.ndarray, "lanes tokens"]]]:
        """Return the hits of each probe except the flow of data."""
        site, n = self._sites[name], len(masks)
        full = (len(site.event_shape) + 1, masks.ndim + len(site.batch_shape))
        masks = _padded(masks)
        masks = np.expand_dims(masks, tuple(range(*full)))
        hits = {
            kind: {
                child: np.zeros((n, int(np.prod(each.event_shape))), bool)
                for child, each in self._sites.items()
            }
            for kind in KINDS
        }
        for base, (at, before) in enumerate(self._bases):
            for new in (self._draws[name][2], self._far[name]):
                drawn = np.where(masks, new, at[name])
                changed = self._moved(at, before, name, drawn, _differ)
                _join(hits["redraws"], changed, n)
            if not site.is_float:
                continue
            if self._slopes is not None:
                tangents = self._tangents(at, name, masks, base)
                _join(hits["tangents"], tangents, n)
            # A loop might not end for NaN.
            if base == 0 and not self._flow.has_loops:
                nan = np.where(masks, np.nan, at[name]).astype(site.dtype)
                _join(hits["NaN"], self._moved(at, before, name, nan, _lost), n)
        return hits

    def _run(
        self,
        at: Mapping[str, np.ndarray],
        changed: Mapping[str, np.ndarray] = MappingProxyType({}),
    ) -> dict[str, np.ndarray]:
        stack = {
            key: changed[key].astype(each.dtype)
            if key in changed
            else np.broadcast_to(each, (_LANES, *each.shape))
            for key, each in at.items()
        }
        return jax.tree.map(np.asarray, self._values(stack))

    def _moved(
        self,
        at: Mapping[str, np.ndarray],
        before: Mapping[str, np.ndarray],
        name: str,
        new: np.ndarray,
        differ: Callable[..., Bool[np.ndarray, "..."]],
    ) -> dict[str, Bool[np.ndarray, "lanes tokens"]]:
        """Return the tokens whose output differs with new values of a key."""
        after = self._run(at, {name: new})
        return {
            child: _per_token(differ(before[child], after[child]), site, 1)
            for child, site in self._sites.items()
        }

    def _tangents(
        self,
        at: Mapping[str, np.ndarray],
        name: str,
        masks: Bool[np.ndarray, "lanes ..."],
        seed: int,
    ) -> dict[str, Bool[np.ndarray, "lanes tokens"]]:
        rng = np.random.default_rng(seed)
        tangents = {
            key: np.zeros((_LANES, *each.shape), each.dtype)
            for key, each in at.items()
            if self._sites[key].is_float
        }
        direction = rng.normal(size=at[name].shape)
        tangents[name] = (masks * direction).astype(at[name].dtype)
        found = jax.tree.map(np.asarray, self._slopes(at, tangents))
        return {
            child: _per_token(found[child] != 0, site, 1)
            for child, site in self._sites.items()
        }


def _padded(lanes: Bool[np.ndarray, "lanes ..."]) -> Bool[np.ndarray, "_ ..."]:
    """Return lanes padded to a fixed number, so that there is one program."""
    missing = _LANES - len(lanes)
    return np.pad(lanes, [(0, missing)] + [(0, 0)] * (lanes.ndim - 1))


def _per_token(hits: Any, site: Site, n_lead: int) -> Any:
    """Return for each token whether any of its values is hit."""
    lead, shape = hits.shape[:n_lead], site.event_shape
    tokens = hits.reshape((*lead, int(np.prod(shape)), -1))
    return tokens.any(-1)


def _differ(
    before: Float[np.ndarray, "..."], after: Float[np.ndarray, "..."]
) -> Bool[np.ndarray, "..."]:
    with np.errstate(invalid="ignore"):
        size = 1 + np.minimum(np.abs(before), np.abs(after))
        near = np.abs(before - after) <= _TOLERANCE * size
    same = (before == after) | (np.isnan(before) & np.isnan(after))
    return ~(near | same)


def _lost(
    before: Float[np.ndarray, "..."], after: Float[np.ndarray, "..."]
) -> Bool[np.ndarray, "..."]:
    # Some densities are zero, and not NaN, at a value that is NaN.
    return np.isfinite(before) & ~np.isfinite(after)


def _join(
    total: dict[str, Bool[np.ndarray, "lanes tokens"]],
    new: Mapping[str, Bool[np.ndarray, "_ tokens"]],
    n: int,
) -> None:
    for child, hits in new.items():
        total[child] |= hits[:n]

"""Summary of tokens on one screen: sizes, rules, padding, memory, warnings."""

import math
import textwrap
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from tfmpe.preprocessing.layout.dimensions import (
    dimension_names,
    dimension_size,
    find_dimension,
)
from tfmpe.preprocessing.layout.layout import TokenLayout
from tfmpe.preprocessing.masks.plan import PAIR_COST, AttentionPlan
from tfmpe.preprocessing.masks.relations import Match, match_of, self_relations
from tfmpe.preprocessing.masks.weak_rules import (
    WeakRules,
    open_pairs,
    weak_rules,
)

from .text import (
    aligned,
    group_sizes,
    has_values,
    headline,
    is_array,
    key_table,
    leaf_shapes,
    padding_of,
    percent,
    printable,
    real_share,
    shorten,
)

if TYPE_CHECKING:
    from tfmpe.preprocessing.tokens.queries import TokenQueries

_COLUMNS = 80
_MAX_KEYS = 7
_MAX_RULES = 5
_MAX_WEAK = 2

# Smallest gain of a suggested rule: less hardly changes the cost.
_FEW_PAIRS, _FEW_SHARE = 1000, 0.1


def summarise(tokens: "TokenQueries") -> str:
    """Return the text of ``Tokens.summary``."""
    leaves = leaf_shapes(tokens)
    data = leaves["data"]
    width = data.shape[-1] if is_array(data) else None
    samples = math.prod(data.shape[:-2]) if is_array(data) else None
    padding = padding_of(tokens)
    padded = 1 - real_share(padding) if has_values(padding) else None
    plan = tokens.attention_plan()
    sections = {
        "dimensions": cut(_dimensions(tokens.layout), _MAX_RULES, "dimensions"),
        "rules": cut(rules_for_people(tokens.layout), _MAX_RULES),
        "padding": _padding(tokens.layout, width, padding, padded),
        "cost": [*_memory(tokens.layout, leaves, samples), _attention(plan)],
        "warnings": _warnings(tokens.layout, width, padded, plan),
    }
    lines = [*_wrapped(headline(tokens), "", "  "), ""]
    lines += ["  " + line for line in aligned(_table(tokens.layout))]
    for title, texts in sections.items():
        if texts:
            lines.append(title)
        for text in texts:
            lines += _wrapped(text, "  ", "      ")
    return "\n".join(lines)


def _wrapped(text: str, first: str, later: str) -> list[str]:
    return textwrap.wrap(
        text, _COLUMNS, initial_indent=first, subsequent_indent=later
    )


_MOST = {"key": 26, "event": 16, "batch": 10}


def _table(layout: TokenLayout) -> list[Sequence[str]]:
    titles = ("key", "event", "batch", "tokens", "share", "inputs")
    _, *rows = key_table(layout, titles)
    rows = [
        [
            shorten(cell, _MOST.get(t, 80))
            for t, cell in zip(titles, row, strict=True)
        ]
        for row in rows
    ]
    if (hidden := len(rows) - _MAX_KEYS) > 1:
        middle = slice(_MAX_KEYS // 2 + 1, _MAX_KEYS // 2 + 1 + hidden)
        n = sum(key.n_tokens for key in layout.keys[middle])
        share = percent(n, layout.n_tokens)
        rows[middle] = [[f"… {hidden} more keys", "", "", str(n), share, ""]]
    return [titles, *rows]


def _name(name: str) -> str:
    return shorten(printable(name), 20)


def _listed(names: Iterable[str]) -> str:
    """Join names, as many as fit into about two lines."""
    names = list(names)
    shown: list[str] = []
    for name in names:
        if shown and sum(map(len, shown)) + 2 * len(shown) > 90 - len(name):
            return f"{', '.join(shown)} and {len(names) - len(shown)} more"
        shown.append(name)
    return ", ".join(shown)


def cut(texts: list[str], most: int, what: str = "rules") -> list[str]:
    """Return the first texts, and how many more there are."""
    hidden = len(texts) - most
    if hidden < 2:
        return texts
    return [*texts[:most], f"… and {hidden} more {what}"]


def _dimensions(layout: TokenLayout) -> list[str]:
    """Return which keys have a named dimension, one sentence each."""
    holders: dict[str, list[str]] = {}
    sizes = {}
    for key in layout.keys:
        for name in dimension_names(key):
            sizes[name] = dimension_size(key, name)
            text = _name(key.name)
            found = find_dimension(key, name)
            if not isinstance(found, int):
                text += f" (ragged, {group_sizes(found)} tokens each)"
            holders.setdefault(name, []).append(text)
    return [
        f"{_name(name)} {sizes[name]}: {_listed(keys)}"
        for name, keys in holders.items()
    ]


def rules_for_people(layout: TokenLayout) -> list[str]:
    """Return the meaning of the rules among the keys, one sentence each."""
    relations = self_relations(layout.independence)
    closed = [pair for pair, relation in relations.items() if not relation]
    texts = []
    if alone := [name for name in layout.names if (name, name) in closed]:
        texts.append(
            _listed(_name(name) for name in alone)
            + (": its tokens" if len(alone) == 1 else ": tokens of one key")
            + " do not see one another, nor themselves"
        )
    told: set[tuple[str, str]] = set()
    for query, key in closed:
        if query == key or (query, key) in told:
            continue
        told.add((key, query))
        a, b = _name(query), _name(key)
        texts.append(
            f"{a} and {b} do not see each other"
            if (key, query) in closed
            else f"{a} does not see {b}, but {b} sees {a}"
        )
    for (query, key), relation in relations.items():
        if relation and (query, key) not in told:
            told.add((key, query))
            both = bool(relations.get((key, query)))
            names = _name(query), _name(key)
            texts.append(_matching(*names, relation[0], both))
    return texts or ["none: every token sees every token"]


def _matching(a: str, b: str, match: Match, both: bool) -> str:
    who = f"{a} and {b} see each other" if both else f"{a} sees {b}"
    if a == b:
        who = f"tokens of {a} see one another"
    i, j = match
    if i is None:
        return f"{who} only at equal position"
    if isinstance(i, str):
        return f"{who} only at equal {_name(i)}"
    return f"{who} only at equal index ({a} axis {i}, {b} axis {j})"


def _padding(
    layout: TokenLayout, width: int | None, padding: Any, padded: float | None
) -> list[str]:
    texts = []
    if width is not None:
        room = layout.n_tokens * width
        used = sum(key.n_tokens * key.width for key in layout.keys)
        texts.append(
            "within tokens: none, every key fills the width"
            if used == room
            else f"within tokens: {percent(room - used, room)} of the "
            f"values, as some keys are narrower than {width}"
        )
    if padding is None:
        texts.append("tokens: none, all samples have the same size")
    elif padded is None:
        texts.append("tokens: masked; the share is known only with values")
    else:
        texts.append(f"tokens: {padded:.1%}, as samples differ in size")
    return texts


def _attention(plan: AttentionPlan) -> str:
    backend = jax.default_backend()
    n_all = plan.n_query * plan.n_key
    kind = plan.choice(backend)
    computed = f"{n_all:,} pairs"
    if kind == "structured":
        share = percent(plan.n_pairs, n_all)
        computed = f"{plan.n_pairs:,} of {n_all:,} pairs ({share})"
    return f"attention on {backend}: {kind}, {computed} of tokens"


def _memory(
    layout: TokenLayout, leaves: dict[str, Any], samples: int | None
) -> list[str]:
    sizes = [
        f"{name.replace('_', ' ')} "
        + _bytes(math.prod(leaf.shape) * np.dtype(leaf.dtype).itemsize)
        for name, leaf in leaves.items()
        if is_array(leaf, 1)
    ]
    cells = layout.n_tokens**2
    mask = f"declared mask {_bytes(cells)}, held once"
    if samples is not None and samples > 1:
        mask += f"; one per sample would take {_bytes(cells * samples)}"
    return [*([", ".join(sizes)] if sizes else []), mask]


def _bytes(number: int) -> str:
    if number < 1000:
        return f"{number} B"
    power = min((len(str(number)) - 1) // 3, 4)
    return f"{number / 1000**power:.1f} {'kMGT'[power - 1]}B"


def _warnings(
    layout: TokenLayout,
    width: int | None,
    padded: float | None,
    plan: AttentionPlan,
) -> list[str]:
    """Return what a user may want to change, one sentence each."""
    texts = []
    blind = np.isin(np.arange(layout.n_tokens), plan.blind)
    if blind.any():
        counts = {k.name: int(blind[k.block].sum()) for k in layout.keys}
        names = _listed(
            f"{_name(name)} ({n} row{'s' * (n != 1)})"
            for name, n in counts.items()
            if n
        )
        texts.append(
            f"{names}: nothing left to see in the declared mask, so "
            "attention_mask lets each token see itself"
        )
    texts += _weak_rules(layout)
    narrow = min(
        (key for key in layout.keys if key.width),
        key=lambda key: key.width,
        default=None,
    )
    if width is not None and narrow and width > 2 * narrow.width:
        texts.append(
            f"tokens are {width / narrow.width:.1f} times as wide as "
            f"{_name(narrow.name)} needs ({width} values against "
            f"{narrow.width})"
        )
    without = [key.name for key in layout.keys if key.n_inputs is None]
    if 0 < len(without) < len(layout.keys):
        names = _listed(_name(name) for name in without)
        texts.append(f"{names}: no functional inputs, while others have them")
    if padded is not None and padded > 0.5:
        texts.append(f"{padded:.1%} of the tokens are padding, more than half")
    return texts


def _weak_rules(layout: TokenLayout) -> list[str]:
    """Return which keys see one another at quadratic cost, and the remedy."""
    n_open = open_pairs(layout)
    least = max(_FEW_PAIRS, _FEW_SHARE * n_open)
    texts = [
        _weak(weak, n_open)
        for weak in weak_rules(layout)
        if weak.pairs - PAIR_COST * weak.left >= least
    ]
    return cut(texts, _MAX_WEAK, "dimensions without rules")


def _weak(weak: WeakRules, n_open: int) -> str:
    rule, *others = weak.rules
    keys = _listed(f"{_name(a)} x {_name(b)}" for a, b, _ in weak.rules)
    same, unit = "", "index"
    i, j = match_of(rule)
    if isinstance(i, str):
        along = unit = _name(i)
    else:
        along = f"axis {i}" if i == j else f"axes {i} and {j}"
        if others or rule.a != rule.b:
            same, unit = "these axes index the same units and ", "unit"
    written = "rules such as cross_local" if others else "the rule cross_local"
    return (
        f"{keys}: {weak.pairs:,} of {n_open:,} open pairs "
        f"({percent(weak.pairs, n_open)}), quadratic in {along} (size "
        f"{weak.size:,}); if {same}the model has no direct dependence between "
        f"one {unit} and another, {written} "
        f"{shorten(repr(tuple(rule)), 150)} would leave {weak.left:,}"
    )

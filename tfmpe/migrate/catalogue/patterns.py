"""Rules T3, what bottom-up scripts repeat, and T9, what stays open."""

from .entry import Rule

__all__ = ["PATTERNS"]

PATTERNS = (
    Rule(
        "T301",
        "swapped-sides",
        "theta and y are exchanged",
        "unsafe",
        text=(
            "To learn to simulate, scripts build `{'theta': y, 'y': theta}` "
            "and flatten again. Rules written from theta to y then do "
            "nothing to the cross mask (L8), and nobody says so. Tokens have "
            "no sides: the question is asked the other way round."
        ),
        todo=(
            "The cross mask follows the rules as they are written, in both "
            "directions only if both are written."
        ),
        rewrite=(
            "With T101, where both flattenings are in one function, take the "
            "same two dictionaries, and the second is only asked by key. "
            "Elsewhere the swapped data get Tokens of their own."
        ),
        before="""\
from sfmpe.util.dataloader import flatten_structured

swapped, _ = flatten_structured({"theta": y, "y": theta})
old = swapped["data"]["theta"]
""",
        after="""\
from tfmpe import Tokens

tokens = Tokens.from_pytree({**theta, **y}, rules)
target = tokens.select_tokens(["obs"])
given = tokens.select_tokens(["mu", "theta"])
""",
        check="""\
assert np.array_equal(old, target.data)
assert np.array_equal(swapped["data"]["y"], given.data)
""",
    ),
    Rule(
        "T302",
        "selected-keys",
        "some keys are picked",
        "unsafe",
        text=(
            "A comprehension over a dictionary of parameters picks the "
            "globals; a view does, and keeps labels, inputs and masks in "
            "step."
        ),
        todo="Decode the view where arrays by key are needed.",
        rewrite=(
            "With T101, where the comprehension does nothing but pick keys of "
            "a dictionary that was made into Tokens before, in the same "
            "scope and unchanged since, as far as that can be seen. The "
            "values are then jax arrays in the dtype of the tokens."
        ),
        before="""\
global_names = ["mu"]
old = {k: v for k, v in theta.items() if k in global_names}
""",
        after="""\
from tfmpe import Tokens

tokens = Tokens.from_pytree({**theta, **y}, rules)
new = tokens.select_tokens(global_names).decode()
""",
        check="""\
assert old.keys() == new.keys()
assert np.array_equal(old["mu"], new["mu"])
""",
    ),
    Rule(
        "T303",
        "changed-values",
        "values of keys are replaced",
        "unsafe",
        text=(
            "`theta | drawn`, then a loop that restores the order of the "
            "keys, then flattening. Forget the loop, and labels and offsets "
            "no longer fit (L4). `with_values` keeps the layout."
        ),
        todo="Shapes must be those of the layout; others are an error.",
        rewrite=(
            "With T101, where Tokens of the old values were made before in "
            "the same function, and the new dictionary is the old one with "
            "other values. Elsewhere the changed data get Tokens of their own."
        ),
        before="""\
from sfmpe.util.dataloader import flatten_structured

drawn = {"mu": theta["mu"] + 1}
changed = theta | drawn
changed = {name: changed[name] for name in theta}
flat, _ = flatten_structured({"theta": changed, "y": y})
""",
        after="""\
from tfmpe import Tokens

tokens = Tokens.from_pytree({**theta, **y}, rules)
new = tokens.with_values(mu=drawn["mu"]).select_tokens(["mu", "theta"])
""",
        check='assert np.array_equal(flat["data"]["theta"], new.data)\n',
    ),
    Rule(
        "T304",
        "rebuilt-blocks",
        "blocks are rebuilt for a use",
        "unsafe",
        text=(
            "The same data are flattened once with the labels of one use, and "
            "once with those of another. Build once, select at each use."
        ),
        todo="Labels stay those of the whole; views never number anew.",
        rewrite=(
            "With T101, where both flattenings are in one function and take "
            "the same data, which are not changed between."
        ),
        before="""\
from sfmpe.util.dataloader import flatten_structured

whole, _ = flatten_structured({"theta": theta, "y": y})
part, _ = flatten_structured({"theta": {"mu": theta["mu"]}, "y": y})
""",
        after="""\
from tfmpe import Tokens

tokens = Tokens.from_pytree({**theta, **y}, rules)
all_parameters = tokens.select_tokens(["mu", "theta"])
the_global = tokens.select_tokens(["mu"])
""",
        check="""\
assert np.array_equal(whole["data"]["theta"], all_parameters.data)
assert np.array_equal(part["data"]["theta"], the_global.data)
""",
    ),
    Rule(
        "T901",
        "undecided",
        "perhaps a legacy call: the object or name could not be followed",
        "manual",
        text=(
            "`x.sample(...)` may be a flow of the legacy package or a "
            "distribution. Where the scanner cannot see what `x` is, it says "
            "so and counts the place, instead of passing over it or guessing."
        ),
        todo=(
            "Look at it. `tfmpe run` on the script shows which places reach "
            "the legacy package when they are run. An annotation, or making "
            "the object in the same file, lets the scanner follow it."
        ),
        rewrite="Never.",
        before="""\
from sfmpe.util import dataloader


def prepare(function_name, *given):
    return getattr(dataloader, function_name)(*given)


old = prepare("flatten_index_tuple", (1, 1), (5, 3))
""",
        after="""\
def prepare(function, *given):
    return function(*given)


new = prepare(np.ravel_multi_index, (1, 1), (5, 3))
""",
        check="assert old == new\n",
    ),
)

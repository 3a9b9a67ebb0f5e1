"""Defects L5 to L10: rules and masks."""

from .entry import Defect

__all__ = ["RULE_DEFECTS"]

RULE_DEFECTS = (
    Defect(
        "L5",
        "masks-sometimes",
        "masks are in the result only if there are rules or sizes",
        text=(
            "`masks` is in the result for any truthy independence, `{'local': "
            "[]}` too; its attention dictionary has the order y, theta, cross."
        ),
        cost="Code that reads `flat['masks']` fails where rules are empty.",
        core="Masks always exist.",
        before="""\
from sfmpe.util.dataloader import flatten_structured

data = {"theta": theta, "y": y}
assert "masks" not in flatten_structured(data, independence={})[0]
flat, _ = flatten_structured(data, independence={"local": []})
assert list(flat["masks"]["attention"]) == ["y", "theta", "cross"]
""",
        after="""\
from tfmpe import Tokens

tokens = Tokens.from_pytree({**theta, **y}, {})
assert tokens.self_attention_mask.all()
""",
    ),
    Defect(
        "L6",
        "order-of-rules",
        "kinds of rules act in a fixed order",
        text=(
            "Kinds of rules act in the order cross, local, cross_local, "
            "whatever the order in the dictionary."
        ),
        cost="None, once it is known.",
        core="The same.",
    ),
    Defect(
        "L7",
        "closed-diagonal",
        "local closes the diagonal, cross_local first closes its blocks",
        text=(
            "`local` also closes the diagonal; `cross_local` first closes the "
            "pair of blocks, in self-attention masks both ways."
        ),
        cost=(
            "A token may see nothing, not even itself, and a softmax over "
            "nothing attends to everything."
        ),
        core=(
            "The same in the declared masks; `attention_mask()` gives an "
            "otherwise empty row its own token."
        ),
        before="""\
from sfmpe.util.dataloader import (
    build_self_attention_mask,
    flatten_structured,
)

_, slices = flatten_structured({"theta": theta, "y": y})
old = build_self_attention_mask(slices["y"], {"local": ["obs"]})
assert not old.any()
""",
        after="""\
from tfmpe import Tokens

tokens = Tokens.from_pytree({**theta, **y}, {"local": ["obs"]})
mask = tokens.select_tokens(["obs"]).attention_mask()
assert np.array_equal(mask[0, 0], np.eye(15, dtype=bool))
""",
    ),
    Defect(
        "L8",
        "one-way-rules",
        "a rule acts on the cross mask only from theta to y",
        text=(
            "A rule acts on the cross mask only from theta to y. After a swap "
            "of sides the rules of the examples do nothing there."
        ),
        cost=(
            "The first stage of bottom-up training attends to what the rules "
            "forbid."
        ),
        core="The same, by the order of the keys that you ask for.",
        before="""\
from sfmpe.util.dataloader import flatten_structured

one_way = {"cross": [("obs", "mu")]}
flat, _ = flatten_structured({"theta": theta, "y": y}, independence=one_way)
assert flat["masks"]["attention"]["cross"].all()
""",
        after="""\
from tfmpe import Tokens

tokens = Tokens.from_pytree({**theta, **y}, one_way)
assert tokens.cross_attention_mask(["mu"], ["obs"]).all()
assert not tokens.cross_attention_mask(["obs"], ["mu"]).any()
""",
    ),
    Defect(
        "L9",
        "elementwise-pairing",
        "cross_local pairs tokens element by element",
        text=(
            "`cross_local` with dimensions pairs the tokens at one index "
            "element by element: right where one of the keys has one token "
            "there, too little where both have several, an `IndexError` where "
            "the numbers differ."
        ),
        cost="Pairs that belong together stay closed, silently.",
        core="Every matching pair is opened.",
        before="""\
from sfmpe.util.dataloader import flatten_structured

rows = {"cross_local": [("unit", "obs", (0, 0))]}
unit = {"unit": jnp.zeros((8, 5, 3, 1))}
flat, _ = flatten_structured({"theta": unit, "y": y}, independence=rows)
assert int(flat["masks"]["attention"]["cross"].sum()) == 15
""",
        after="""\
from tfmpe import Tokens

tokens = Tokens.from_pytree({**unit, **y}, rows)
assert tokens.cross_attention_mask(["unit"], ["obs"]).sum() == 45
""",
    ),
    Defect(
        "L10",
        "not-assigned",
        "no defect has this number",
        text="The number is not assigned.",
    ),
)

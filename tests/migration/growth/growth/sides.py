"""Changes to the two sides between the stages of training."""

from sfmpe.util.dataloader import flatten_structured

from growth.model import GLOBAL_NAMES, INDEPENDENCE


def swapped(theta, y):
    """Flatten with the sides exchanged, to learn the simulator."""
    flat, slices = flatten_structured(
        {"theta": y, "y": theta}, independence=INDEPENDENCE
    )
    return flat["data"]["theta"], flat["data"]["y"], slices["theta"]


def replaced(theta, drawn, y):
    """Flatten with some parameters replaced, in the old order."""
    changed = theta | drawn
    changed = {name: changed[name] for name in theta}
    flat, _ = flatten_structured({"theta": changed, "y": y})
    return flat["data"]["theta"]


def global_block(theta, y):
    """Flatten only the shared parameters and the heights."""
    shared = {k: v for k, v in theta.items() if k in GLOBAL_NAMES}
    flat, slices = flatten_structured({"theta": shared, "y": y})
    return flat["data"]["theta"], slices["theta"]

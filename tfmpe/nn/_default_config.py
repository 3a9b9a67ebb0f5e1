"""Size of a network that suits a layout."""

from collections.abc import Iterable

from tfmpe.nn._config import TransformerConfig
from tfmpe.preprocessing import TokenLayout
from tfmpe.preprocessing.masks.relations import NOTHING, self_relations

_FEW_TOKENS, _WIDE = 100, 16
_MOST_LAYERS = 4


def default_config(
    layout: TokenLayout, target_keys: Iterable[str]
) -> TransformerConfig:
    """Return a network size that suits a layout.

    Parameters
    ----------
    layout
        Keys and rules of the simulations.
    target_keys
        The keys to infer.

    Returns
    -------
    TransformerConfig
        With as many decoder layers (2 to 4) as the rules need for information
        to pass from the observations through all levels of target keys, and
        one encoder layer if observations do not attend to one another, else
        two. Vectors have 32 numbers for layouts of up to 100 tokens, else 64,
        and 128 for tokens wider than 16 values.

    Examples
    --------
    >>> import numpy as np
    >>> from tfmpe import Tokens
    >>> tokens = Tokens.from_pytree(
    ...     {"mu": np.zeros((1, 1, 1)), "obs": np.zeros((1, 5, 1))},
    ...     {"local": ["obs"]},
    ... )
    >>> config = default_config(tokens.layout, ["mu"])
    >>> config.n_encoder_layers, config.n_decoder_layers
    (1, 2)
    """
    targets = layout.select(target_keys).names
    given = [name for name in layout.names if name not in targets]
    small = layout.n_tokens <= _FEW_TOKENS
    closed = {
        pair
        for pair, relation in self_relations(layout.independence).items()
        if relation == NOTHING
    }
    related = any((a, b) not in closed for a in given for b in given)
    n_layers = 1 + _levels(targets, closed)
    return TransformerConfig(
        latent_dim=128 if layout.width > _WIDE else 32 if small else 64,
        n_encoder_layers=2 if related else 1,
        n_decoder_layers=min(max(n_layers, 2), _MOST_LAYERS),
    )


def _levels(names: tuple[str, ...], closed: set[tuple[str, str]]) -> int:
    """Return the most steps that information takes between two of the keys."""
    most = 0
    for start in names:
        reached, edge, steps = {start}, {start}, 0
        while edge:
            edge = {
                b
                for a in edge
                for b in names
                if b not in reached and not {(a, b), (b, a)} <= closed
            }
            reached |= edge
            steps += bool(edge)
        most = max(most, steps)
    return most

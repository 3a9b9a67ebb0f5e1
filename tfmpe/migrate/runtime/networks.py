"""The bridge's own network, with the weights of a legacy one.

Needs the extra `flow`.
"""

from collections.abc import Callable
from typing import Any

from flax import nnx

from tfmpe.compat.nn.transformer import Transformer, read_parameters
from tfmpe.migrate.legacy_names import LegacyName
from tfmpe.migrate.replay.calls import call
from tfmpe.migrate.replay.compare import compare
from tfmpe.migrate.replay.comparison import Comparison, Tolerance
from tfmpe.migrate.replay.flow_calls import network_of
from tfmpe.migrate.replay.replay import compare_exceptions
from tfmpe.migrate.replay.silence import silenced

from .errors import NoTwinError
from .finder import belongs_to
from .observing import Ended, raised_of
from .twins import Copied, made_of
from .undisturbed import undisturbed

__all__ = ["bridge_network", "new_network"]

_FIRST_WEIGHTS = Tolerance(1e-6, 1e-6, "rounding of the first weights")


def bridge_network(network: Any, original: nnx.Module) -> Transformer:
    """Return the bridge's network with the weights of a legacy one.

    Parameters
    ----------
    network
        The legacy network, or a copy of it.
    original
        The one that the script made.

    Returns
    -------
    Transformer
        That does not drop.

    Raises
    ------
    NoTwinError
        If it is not the network that was recorded: its weights have other
        paths or shapes, it drops, or it was made with a function of its own.
    """
    for _, part in nnx.iter_graph(network):
        rate = getattr(part, "rate", 0)
        if rate and getattr(part, "deterministic", True) is False:
            raise NoTwinError(
                "it drops at random, and where was never recorded; networks "
                "are compared in evaluation, after eval()"
            )
    own = [
        name
        for name, value in made_of(original).items()
        if callable(value) and not isinstance(value, nnx.Rngs)
    ]
    if own:
        raise NoTwinError(f"it was made with its own {', '.join(own)}")
    try:
        return network_of(read_parameters(network))
    # Weights of any other shape.
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise NoTwinError(
            f"its weights do not fit the bridge's network ({error})"
        ) from None


def new_network(
    entry: LegacyName,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    package: str,
) -> Callable[[Ended], Comparison] | None:
    """Prepare to make a network that the script is about to make.

    Parameters
    ----------
    entry
        The class.
    args, kwargs
        Of its constructor, ``self`` included.
    package
        What the legacy package is called.

    Returns
    -------
    callable or None
        Once the legacy network was made, makes that of the bridge from the
        same random numbers and compares their first weights. None for a
        class of the script's own.
    """
    network = args[0]
    if not belongs_to(type(network).__module__, package):
        return None
    given = {str(n): value for n, value in enumerate(args[1:])} | kwargs
    numbers = {
        name: Copied(value)
        for name, value in given.items()
        if isinstance(value, nnx.Rngs)
    }

    def compared(ended: Ended) -> Comparison:
        fresh = given | {name: rngs.fresh() for name, rngs in numbers.items()}
        places = tuple(fresh.pop(str(n)) for n in range(len(args) - 1))
        with silenced(), undisturbed():
            found = call(Transformer, places, fresh)
        if found.error is not None or ended.error is not None:
            return compare_exceptions(raised_of(ended.error), found.error)
        return compare(
            read_parameters(network),
            read_parameters(found.output),
            "parameters",
            _FIRST_WEIGHTS,
        )

    return compared

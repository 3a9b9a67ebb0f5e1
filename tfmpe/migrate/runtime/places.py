"""Which legacy names are watched where, and which can be compared."""

from collections.abc import Iterable
from dataclasses import replace
from types import MappingProxyType

from tfmpe.migrate.legacy_names import LEGACY, NAMES, LegacyName
from tfmpe.migrate.replay.targets import REPLAYED

__all__ = [
    "BATCHES",
    "NOT_COMPARED",
    "TRAINING",
    "bridge_places",
    "is_recorded",
    "legacy_places",
]

_TRAINING = "training: no recording has it; the calls that it makes are"
_BATCHES = "what it returns is no value, and reading it uses it up"
_CONSTRUCTOR = "a constructor: what the object returns is compared"

TRAINING = ("SFMPE.fit", "train_bottom_up")
"""Names whose calls train an estimator; the calls they make are seen too."""

BATCHES = ("as_batch_iterator", "as_batch_iterators")
"""Names whose calls return iterators."""

NOT_COMPARED = MappingProxyType(
    {
        **dict.fromkeys(TRAINING, _TRAINING),
        **dict.fromkeys(BATCHES, _BATCHES),
        "StructuredCNF": _CONSTRUCTOR,
        "SFMPE": _CONSTRUCTOR,
        "Transformer": "a constructor: its first weights are compared",
    }
)
"""Names whose calls are not seen one by one, and why; see `TRAINING`."""

_NETWORK = NAMES[f"{LEGACY}.nn.transformer.transformer.Transformer"]

# Nothing that a script names, so it is no entry of the list.
_CALLED = replace(_NETWORK, name="Transformer.__call__", kind="method")

# The mirror imports this class when it is asked for; it is defined here.
_LATE, _DEFINED_IN = "SFMPE", "_flow.estimator"


def _watched() -> Iterable[LegacyName]:
    return (
        entry
        for entry in NAMES.values()
        # A protocol is nothing that is called.
        if entry.kind != "constant" and entry.name != "StructuredVectorField"
    )


def legacy_places(package: str = LEGACY) -> dict[str, list[LegacyName]]:
    """Return the watched names by the legacy module that has them.

    Parameters
    ----------
    package
        What the legacy package is called.

    Returns
    -------
    dict of str to list of LegacyName
    """
    places: dict[str, list[LegacyName]] = {}
    for entry in (*_watched(), _CALLED):
        places.setdefault(f"{package}.{entry.module}", []).append(entry)
    return places


def bridge_places(package: str) -> dict[str, list[LegacyName]]:
    """Return the watched names by the module of the bridge that has them.

    Parameters
    ----------
    package
        The bridge.

    Returns
    -------
    dict of str to list of LegacyName
    """
    places: dict[str, list[LegacyName]] = {}
    for entry in _watched():
        late = entry.name.partition(".")[0] == _LATE
        module = _DEFINED_IN if late else entry.module
        places.setdefault(f"{package}.{module}", []).append(entry)
    return places


def is_recorded(entry: LegacyName) -> bool:
    """Return whether calls of a name can be recorded and replayed."""
    return entry.name in REPLAYED and entry.name not in NOT_COMPARED

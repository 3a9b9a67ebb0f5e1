"""Choice of the stored cases that a quick verification replays."""

import math
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from zlib import crc32

from tfmpe.migrate.recordings.read import Head
from tfmpe.migrate.replay.targets import REPLAYED

SHARE = 1 / 40  # of an example's cases that are not of the preprocessing
LEFT_OUT = "left out by default; --all replays them"


def choose(heads: Mapping[Path, Head]) -> dict[Path, list[str]]:
    """Return the names of the chosen cases by file.

    The order is that of a checksum, so the choice is the same everywhere.
    """
    chosen: dict[Path, list[str]] = {file: [] for file in heads}
    others: dict[str, list[tuple[int, Path, str]]] = defaultdict(list)
    for file, head in heads.items():
        example, target = file.parent.name, REPLAYED.get(head.function)
        if (target and target.module) or example == "dataloader":
            chosen[file] += head.names
            continue
        for name in head.names:
            place = crc32(f"{example}/{file.name} {name}".encode())
            others[example].append((place, file, name))
    for found in others.values():
        for _, file, name in sorted(found)[: math.ceil(len(found) * SHARE)]:
            chosen[file].append(name)
    return chosen

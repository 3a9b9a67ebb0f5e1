"""Choice of the stored cases that a quick verification replays."""

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from zlib import crc32

from tfmpe.migrate.recordings.read import Head
from tfmpe.migrate.replay.targets import REPLAYED

# Share of all cases except the preprocessing, which compiles fast.
SHARE = 1 / 40
LEFT_OUT = "left out by default; --all replays them"


def choose(heads: Mapping[Path, Head]) -> dict[Path, list[str]]:
    """Return the names of the chosen cases by file.

    At least one of each example. A checksum selects the same cases everywhere.
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
    met = {file.parent.name for file, names in chosen.items() if names}
    for example, found in others.items():
        n = max(round(len(found) * SHARE), example not in met)
        for _, file, name in sorted(found)[:n]:
            chosen[file].append(name)
    return chosen

"""Records of all commands, short to write, and a report of them."""
# ruff: noqa: D103

from datetime import UTC, datetime
from pathlib import Path

from tfmpe.migrate.records import checks, code, runs
from tfmpe.migrate.records.parity import (
    ArrayParity,
    Difference,
    Largest,
    Tally,
)
from tfmpe.migrate.records.places import Place
from tfmpe.migrate.report.build import build
from tfmpe.migrate.report.gather import Source

FLATTEN = "sfmpe.util.dataloader.flatten_structured"
EQUAL, DIFFERENT = Tally(identical=2), Tally(identical=1, different=1)


def at(line, file="src/fit.py", cell=None, column=1):
    return Place(file, line, column, cell)


def use(line, name=FLATTEN, rule="T101", *where, end=None, **places):
    text, becomes = f"{name.split('.')[-1]}(tree)", "on Tokens"
    place = at(line, *where, **places)
    return code.Use(place, end or line, 20, rule, name, text, becomes)


def imported(line, *where):
    return use(line, "sfmpe.utils", "T001", *where)


def change(line, before="import sfmpe"):
    return code.Changed("", (code.Change(at(line), before, "import tfmpe"),))


def scan(*uses, mentions=(), unread=()):
    return code.Scan(1, 1, uses, mentions, unread)


def call(line, name=FLATTEN, tally=EQUAL, mode="eager", where=(), **more):
    return runs.ComparedCalls(name, at(line, *where), mode, 2, tally, **more)


def differing(line, name=FLATTEN, path="output", tolerated=False, **more):
    found = Difference("values", path, "0", "1", tolerated)
    return runs.FoundDifference(name, at(line), 1, found, **more)


def shadow(*calls, exit_code=0, script="src/fit.py", **more):
    return runs.Shadow(exit_code, script, calls=calls, **more)


def replayed(name="flatten_structured", tally=EQUAL, **more):
    return checks.Replayed("seir", name, tally, **more)


def verify(*rows, exit_code=0, **more):
    return checks.Verify(exit_code, "rec", "checked", rows, **more)


def bench(*rows):
    case = checks.BenchCase("flatten", "values and labels", "jitted", rows)
    return checks.Bench(0, "oracle", {"device": "cpu"}, (case,))


def row(sites, left_out={}, **sides):  # noqa: B006 - as of a record
    sides = {name: checks.Side(*side) for name, side in sides.items()}
    return checks.BenchRow(sites, sides, left_out)


def report(*records):
    sources = [Source(f"{n}.json", each) for n, each in enumerate(records)]
    now = datetime(2026, 11, 24, 12, 30, tzinfo=UTC)
    return build(sources, Path("/home/ada"), now)


MASKS = "sfmpe.util.dataloader.build_cross_attention_mask"
SAMPLE = "sfmpe.sfmpe.SFMPE.sample_posterior"
LOWER = tuple(tuple(float(j <= i) for j in range(6)) for i in range(6))
CLOSE = Largest(3.1e-05, "output[12, 3, 0]")
NEAR = Tally(0, 4, 0, CLOSE, CLOSE, CLOSE)
IN_CELL = at(2, "src/b.ipynb", 3)
MENTION = code.Mention(at(40), "patch('sfmpe.utils.x')", "a string")
EXAMPLE = {
    "scan": scan(
        *(imported(1), imported(1, "src/b.ipynb", 1)),
        *(use(8), use(12, MASKS, "T107"), use(15, "sfmpe.utils.f", "T106")),
        use(2, "sfmpe.utils.combine_data", "T108", "src/b.ipynb", 3),
        use(20, "sfmpe.sfmpe.SFMPE", "T204"),
        use(30, "sfmpe.util.dataloader.PAD_VALUE", "T111"),
        mentions=(MENTION,),
        unread=(code.Unread("old.py", "line 3: invalid syntax"),),
    ),
    "fix": code.Fix(1, True, (change(1),), (MENTION,)),
    "shadow": shadow(
        call(8, seconds_old=1.92, seconds_new=0.31, bytes_old=9, bytes_new=3),
        call(
            *(12, MASKS, DIFFERENT),
            arrays=(ArrayParity("out", DIFFERENT), ArrayParity("in", EQUAL)),
        ),
        call(33, SAMPLE, NEAR),
        exit_code=1,
        fingerprint={"jax": "0.5.3", "prng": "threefry2x32"},
        differences=(
            differing(12, MASKS, masks=runs.Masks(LOWER, ((1.0,) * 6,) * 6)),
            differing(33, SAMPLE, tolerated=True, layer="blocks[1].attention"),
        ),
        warnings=(runs.Warned("L19", at(8)), runs.Warned("L9999", at(9))),
        not_compared=(runs.Left("train_bottom_up", at(36), "it draws"),),
    ),
    "run": runs.Run(
        0, "src/b.ipynb", (runs.Calls("combine_data", IN_CELL, 4),)
    ),
    "verify": verify(
        replayed(tally=Tally(identical=120)),
        replayed(
            SAMPLE, NEAR, noise_floor=checks.NoiseFloor(4.2e-05, 0, "inf")
        ),
        notes=("jax is 0.10.2, recorded with 0.5.3",),
        not_replayed=(checks.NotReplayed("seir", "SFMPE.fit", 4, "it draws"),),
    ),
    "bench": bench(row(50, {"bridge": "too large"}, old=(2, 1), new=(1, 2))),
}
"""What all commands write of one small project."""

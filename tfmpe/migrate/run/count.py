"""Counts of the legacy calls that a script makes on the bridge: `tfmpe run`."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from msgspec import structs

from tfmpe.compat.legacy_warnings import LegacyWarning
from tfmpe.migrate.catalogue import advice_of
from tfmpe.migrate.legacy_names import BRIDGE, LEGACY
from tfmpe.migrate.recordings.fingerprint import take_fingerprint
from tfmpe.migrate.records.runs import Calls, Run, Warned

from .finder import serving_bridge
from .notebook import lines_not_run
from .observe import Called, Site, Watch, call_site
from .program import Program, run_program


def run_on_bridge(program: Program, *, legacy: str = LEGACY) -> Run:
    """Run a legacy script on the bridge, and count its outermost calls."""
    watch = _Counter(BRIDGE)
    with serving_bridge(legacy), watch.watching(), counting_warnings() as seen:
        code = run_program(program)
    return Run(
        exit_code=code,
        script=program.name,
        calls=tuple(
            Calls(*site, number, getattr(advice_of(site[0]), "code", None))
            for site, number in sorted(watch.sites.items())
        ),
        fingerprint=take_fingerprint(),
        warnings=listed(seen),
        not_run=lines_not_run(program.name),
    )


class _Counter(Watch):
    """Counts calls by function and place."""

    def __init__(self, package: str):
        super().__init__(package)
        self.sites: Counter[Site] = Counter()

    def handle(self, entry: Called, args: Any, kwargs: Any) -> Any:
        self.sites[call_site(entry.qualified)] += 1
        with self.paused():
            return entry.original(*args, **kwargs)


@contextmanager
def counting_warnings() -> Iterator[dict[Site, Warned]]:
    """Count the bridge's warnings, even those that are not shown."""
    original = vars(LegacyWarning)["warn"]
    seen: dict[Site, Warned] = {}

    def warn(cls: type[LegacyWarning], text: str) -> None:
        site = call_site(cls.code)
        before = seen.get(site) or Warned(*site, 0, text)
        seen[site] = structs.replace(before, count=before.count + 1)
        original.__func__(cls, text)

    LegacyWarning.warn = classmethod(warn)  # pyright: ignore
    try:
        yield seen
    finally:
        LegacyWarning.warn = original


def listed(seen: dict[Site, Warned]) -> tuple[Warned, ...]:
    """Return warnings by code and place."""
    return tuple(
        sorted(seen.values(), key=lambda x: (int(x.code[1:] or 0), x.place))
    )

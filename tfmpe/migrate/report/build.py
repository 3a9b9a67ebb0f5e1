"""Report built from the records of the commands."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from msgspec.structs import replace

import tfmpe
from tfmpe.migrate.exit_codes import CLEAN, FINDINGS, INCOMPLETE
from tfmpe.migrate.records.code import Scan

from .facts import defects_of, described, gains_of, mentions_of, summary_of
from .file_names import FileNames
from .gather import Source, missing_from, only
from .parity import differences_of, parity_of
from .sites import join
from .steps import next_steps
from .verdict import sums, verdict
from .views import RECORDED, STATUSES, Report


def build(
    sources: Sequence[Source],
    base: Path | None = None,
    made: datetime | None = None,
) -> Report:
    """Join records; relative paths start from `base`, by default the cwd."""
    scanned = [u.place.file for scan in only(sources, Scan) for u in scan.uses]
    names = FileNames(scanned, base or Path.cwd())
    parity, sites = parity_of(sources), join(sources, names)
    for site in sites:
        for each in parity:
            if (each.function, each.evidence) == (site.function, RECORDED):
                site.recorded = each.tally.outcome
    found = Counter(each.status for each in sites)
    codes = sorted({each.use.code for each in sites if each.use.code})
    report = Report(
        made=(made or datetime.now(UTC)).isoformat(timespec="seconds"),
        version=tfmpe.__version__,
        counts={name: found[name] for name in STATUSES if found[name]},
        codes={code: summary_of(code) for code in codes},
        missing=tuple(missing_from(sources)),
        sites=tuple(sites),
        mentions=mentions_of(sources, names),
        parity=tuple(parity),
        differences=tuple(differences_of(sources, names)),
        gains=tuple(gains_of(sources)),
        defects=tuple(defects_of(sources, names)),
        inputs=tuple(map(described, sources)),
    )
    steps = next_steps(report, sources)
    tally = report.compared()
    work = tally.different or any(step.kind != "optional" for step in steps)
    incomplete = report.missing or not tally.compared
    return replace(
        report,
        steps=tuple(steps),
        exit_code=INCOMPLETE if incomplete else FINDINGS if work else CLEAN,
        verdict=verdict(report),
        sums=sums(report),
    )

"""What a scan finds."""

from collections import Counter
from dataclasses import dataclass, field

from tfmpe.migrate.catalogue import Safety
from tfmpe.migrate.exit_codes import CLEAN, FINDINGS, INCOMPLETE
from tfmpe.migrate.sources import Place, SourceError

__all__ = ["Report", "Site", "Undecided"]


@dataclass(frozen=True)
class Site:
    """A use of a legacy name.

    Attributes
    ----------
    place : Place
        Where.
    code : str
        The rule; see ``tfmpe explain``.
    name : str or None
        The full name; of the bridge where the script imports from it.
    text : str
        What is written there, in short.
    becomes : str
        What it is on Tokens, or in step 1.
    safety : str
        Whether the rewrite is safe, unsafe, or to be done by hand.
    """

    place: Place
    code: str
    name: str | None
    text: str
    becomes: str
    safety: Safety


@dataclass(frozen=True)
class Undecided:
    """What may be a use of a legacy name.

    Attributes
    ----------
    place : Place
        Where.
    text : str
        What is written there, in short.
    why : str
        What could not be followed.
    """

    place: Place
    text: str
    why: str
    code: str = "T901"


@dataclass(frozen=True)
class Report:
    """All that a scan found.

    Attributes
    ----------
    n_read : int
        Files that were read and understood.
    sites : tuple of Site
        In the order of files and lines.
    undecided : tuple of Undecided
        Likewise.
    not_read : tuple of SourceError
        Files and folders about which nothing can be said.
    hidden : Counter
        How many sites of each code were found but not asked for.
    """

    n_read: int
    sites: tuple[Site, ...]
    undecided: tuple[Undecided, ...]
    not_read: tuple[SourceError, ...]
    hidden: Counter[str] = field(default_factory=Counter)

    @property
    def n_with_sites(self) -> int:
        """How many files have sites."""
        return len({site.place.file for site in self.sites})

    @property
    def exit_code(self) -> int:
        """Incomplete work wins over findings."""
        if self.not_read or self.n_read == 0:
            return INCOMPLETE
        return FINDINGS if self.sites or self.undecided else CLEAN

    def summary(self) -> dict[str, dict[str, int]]:
        """Return how many sites each code has, by safety.

        Returns
        -------
        dict
        """
        counts: dict[str, dict[str, int]] = {}
        for site in sorted(self.sites, key=lambda site: site.code):
            of_code = counts.setdefault(site.code, {})
            of_code[site.safety] = of_code.get(site.safety, 0) + 1
        if self.undecided:
            counts["T901"] = {"manual": len(self.undecided)}
        return counts

    def only(
        self, select: tuple[str, ...], ignore: tuple[str, ...]
    ) -> "Report":
        """Return the report of some codes.

        Parameters
        ----------
        select
            Codes or their beginnings; all if empty.
        ignore
            Likewise, to leave out.

        Returns
        -------
        Report
            What is left out is counted in `hidden`.
        """

        def kept(code: str) -> bool:
            return (not select or code.startswith(select)) and not (
                ignore and code.startswith(ignore)
            )

        found = (*self.sites, *self.undecided)
        return Report(
            self.n_read,
            tuple(site for site in self.sites if kept(site.code)),
            tuple(item for item in self.undecided if kept(item.code)),
            self.not_read,
            Counter(item.code for item in found if not kept(item.code)),
        )

    def to_json(self, exit_code: int) -> dict[str, object]:
        """Return format 1 of the scan.

        Parameters
        ----------
        exit_code
            That of the command.

        Returns
        -------
        dict
        """
        return {
            "format": 1,
            "tool": "scan",
            "exit_code": exit_code,
            "files": {
                "read": self.n_read,
                "with_sites": self.n_with_sites,
                "not_read": [
                    {"file": error.file, "why": error.why}
                    for error in self.not_read
                ],
            },
            "sites": [
                {
                    **site.place.to_json(),
                    "code": site.code,
                    "name": site.name,
                    "text": site.text,
                    "becomes": site.becomes,
                    "safety": site.safety,
                }
                for site in self.sites
            ],
            "undecided": [
                {
                    **item.place.to_json(),
                    "code": item.code,
                    "text": item.text,
                    "why": item.why,
                }
                for item in self.undecided
            ],
            "summary": self.summary(),
        }

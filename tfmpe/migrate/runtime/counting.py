"""What a script calls, and what the bridge warns of while it runs."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tfmpe.compat.legacy_warnings import LegacyWarning

from .call_sites import Site, call_site
from .watching import Called

__all__ = ["CallCounter", "SeenWarning", "WarningCounter"]


@dataclass(frozen=True)
class SeenWarning:
    """A warning of the bridge about one line.

    Parameters
    ----------
    code
        The defect.
    file, line
        The script's line.
    count
        How often.
    text
        What was said the first time.
    cell
        Of a notebook, in which lines count anew; else None.
    """

    code: str
    file: str
    line: int
    count: int
    text: str
    cell: int | None = None


class CallCounter:
    """Counts outermost calls by site; a handler of a `Watch`.

    Parameters
    ----------
    paused
        Lets the calls through that a counted call makes.
    """

    def __init__(self, paused: Callable[[], Any]):
        self.sites: Counter[Site] = Counter()
        self._paused = paused

    def __call__(
        self,
        entry: Called,
        original: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        """Count a call and make it."""
        self.sites[call_site(entry.qualified)] += 1
        with self._paused():
            return original(*args, **kwargs)


class WarningCounter:
    """Counts what the bridge warns of, shown or not."""

    def __init__(self) -> None:
        self._counts: Counter[Site] = Counter()
        self._texts: dict[Site, str] = {}

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Count until the end of the block."""
        original = vars(LegacyWarning)["warn"]
        counts, texts = self._counts, self._texts

        def warn(cls: type[LegacyWarning], text: str) -> None:
            site = call_site(cls.code)
            counts[site] += 1
            texts.setdefault(site, text)
            original.__func__(cls, text)

        LegacyWarning.warn = classmethod(warn)  # pyright: ignore
        try:
            yield
        finally:
            LegacyWarning.warn = original

    @property
    def seen(self) -> tuple[SeenWarning, ...]:
        """All warnings, by code and place."""
        return tuple(
            SeenWarning(
                site.function,
                site.file,
                site.line,
                count,
                self._texts[site],
                site.cell,
            )
            for site, count in sorted(self._counts.items(), key=_by_code)
        )


def _by_code(counted: tuple[Site, int]) -> tuple[int, Site]:
    site = counted[0]
    return int(site.function.lstrip("L") or 0), site

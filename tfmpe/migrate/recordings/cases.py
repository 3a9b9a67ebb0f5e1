"""Stored calls: arguments, and the result or the exception."""

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from msgspec import Meta


@dataclass(frozen=True)
class Raised:
    """Exception of a recorded call."""

    type: str
    module: str
    message: str


_Bound = Annotated[float, Meta(ge=0, le=1e300)]


@dataclass(frozen=True)
class Compared:
    """Mode of comparison: exact, within bounds, or by shape."""

    mode: Literal["exact", "close", "shape"] = "exact"
    atol: _Bound = 0.0
    rtol: _Bound = 0.0


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call, or one view of an object."""

    # Empty for the function of the case. `f:PATH` is called and `v:PATH`
    # looked up in the package; `o:NAME.attr` is called and `e:NAME.attr`
    # looked up on an object of the case.
    target: str = ""
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    # Meaningless if the call raised.
    output: Any = None
    raises: Raised | None = None
    # None if the call did not change them.
    args_after: tuple[Any, ...] | None = None
    kwargs_after: dict[str, Any] | None = None
    # View that replaces the result, and the argument of the view.
    view: str | None = None
    view_arg: Any = None
    compare: Compared = Compared()
    # State of objects of the case after the call, by name.
    after: dict[str, Any] = field(default_factory=dict)
    # Name under which the result is kept as an object.
    keep: str | None = None
    # Names of the files that the call writes.
    files: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Case(Call):
    """A recorded call of the legacy package, and the calls that follow it."""

    example: str
    name: str
    function: str
    file: str = ""
    role: str | None = None
    source: str = ""
    seq: int = 0
    traced: bool = False
    extra: dict[str, Any] | None = None
    setup: tuple[tuple[str, Any], ...] = ()
    then: tuple[Call, ...] = ()

    def __str__(self) -> str:
        """Return the example, function and name for reports."""
        return f"{self.example} {self.function} {self.name}"

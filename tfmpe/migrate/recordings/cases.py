"""What a stored call is: arguments, and what it returned or raised."""

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from msgspec import Meta

__all__ = ["Call", "Case", "Compared", "Raised"]


@dataclass(frozen=True)
class Raised:
    """The exception that a recorded call ended in.

    Parameters
    ----------
    type, module
        Name of its class, and its module.
    message
        Its text; texts depend on versions and are not compared.
    """

    type: str
    module: str
    message: str


_Bound = Annotated[float, Meta(ge=0, le=1e300)]


@dataclass(frozen=True)
class Compared:
    """How a result is compared: exactly, within bounds, or by its shape."""

    mode: Literal["exact", "close", "shape"] = "exact"
    atol: _Bound = 0.0
    rtol: _Bound = 0.0


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call, or one look at an object.

    Parameters
    ----------
    target
        Empty for the function of the case. `f:PATH` is called and `v:PATH`
        looked up in the package; `o:NAME.attr` is called and `e:NAME.attr`
        looked up on an object of the case.
    args, kwargs
        The arguments before the call, without `self`.
    output
        What it returned, seen through the view; meaningless where it raised.
    raises
        The exception it ended in, or None if it returned.
    args_after, kwargs_after
        The arguments after the call, or None if it left them alone.
    view, view_arg
        Name of what was looked at in place of the plain result, and what
        that needs.
    compared
        How the result is compared; None where functions of that name decide.
    after
        What objects of the case hold after the call, by name.
    keep
        The name under which the result is kept among the objects.
    files
        Names of the files that it writes; None where nobody looked.
    """

    target: str = ""
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    output: Any = None
    raises: Raised | None = None
    args_after: tuple[Any, ...] | None = None
    kwargs_after: dict[str, Any] | None = None
    view: str | None = None
    view_arg: Any = None
    compared: Compared | None = None
    after: dict[str, Any] = field(default_factory=dict)
    keep: str | None = None
    files: tuple[str, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class Case(Call):
    """A recorded call of the legacy package, and calls that follow it.

    Parameters
    ----------
    example, file
        The folder it lies in; its json, relative to the folder of all.
    name
        Unique within its json.
    function
        What was called, without its module.
    role, source, seq
        Where the call came from, and its place there.
    traced
        Whether the call ran under `jit` or `vmap`.
    extra
        Whatever more was needed to describe the call.
    setup
        Objects that are made first, by name.
    then
        The calls that follow.
    """

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
        """Return example, function and name, as in a report."""
        return f"{self.example} {self.function} {self.name}"

"""Whether ``import sfmpe`` means a module of the user's own."""

from pathlib import Path

from tfmpe.migrate.legacy_names import LEGACY

# Of these the legacy package has at least one.
_PARTS = ("util", "bottom_up.py", "structured_cnf.py", "nn")


def own_module(script: Path, tops: list[Path]) -> Path | None:
    """Return what a script imports instead of the legacy package, if so.

    It is beside the script, or in a folder above as far as one of `tops`, or
    in the folder ``src`` of these.
    """
    script = script.resolve()
    above = [f for f in script.parents if any(map(f.is_relative_to, tops))]
    for folder in above or [script.parent]:
        for path in (folder / LEGACY, folder / "src" / LEGACY):
            module = path.with_suffix(".py")
            if module.is_file() and module != script:
                return module
            is_package = (path / "__init__.py").is_file()
            if is_package and not any((path / p).exists() for p in _PARTS):
                return path
    return None

"""The user's own modules that shadow the legacy package or the new one."""

from pathlib import Path

from tfmpe.migrate.legacy_names import LEGACY

# The package itself has at least one of these.
_PARTS = {
    LEGACY: ("util", "bottom_up.py", "structured_cnf.py", "nn"),
    "tfmpe": ("compat",),
}


def own_module(script: Path, tops: list[Path]) -> Path | None:
    """Return the module that shadows a package for a script, or None.

    The search covers the script's folder, its parents up to one of `tops`, and
    the folder ``src`` in each of them.
    """
    script = script.resolve()
    above = [f for f in script.parents if any(map(f.is_relative_to, tops))]
    for folder in above or [script.parent]:
        for path in (f / x for x in _PARTS for f in (folder, folder / "src")):
            module = path.with_suffix(".py")
            if module.is_file() and (module != script or path.name != LEGACY):
                return module
            parts = (path / part for part in _PARTS[path.name])
            if (path / "__init__.py").is_file() and not any(
                part.exists() for part in parts
            ):
                return path
    return None

"""Scanning a few lines of code."""

from textwrap import dedent

import pytest

from tfmpe.migrate.scan import scan


@pytest.fixture
def found(tmp_path):
    """Return a function: what a script has, as line, code, last of name."""

    def look(code, **others):
        files = {"script": code, **others}
        for name, text in files.items():
            *folders, last = name.split("__")
            last = "__init__" if last == "init" else last
            file = tmp_path.joinpath(*folders, f"{last}.py")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(dedent(text))
        report = scan([tmp_path])
        assert report.not_read == ()
        script = (tmp_path / "script.py").as_posix()
        return [
            (
                item.place.line,
                item.code,
                (getattr(item, "name", None) or "").rpartition(".")[2],
            )
            for item in sorted(
                [*report.sites, *report.undecided], key=lambda item: item.place
            )
            if item.place.file == script
        ]

    return look

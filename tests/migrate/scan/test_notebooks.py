"""Notebooks: cells share their names, and lines count in each."""

import json

from tfmpe.migrate.scan import scan


def write(path, *cells):
    path.write_text(
        json.dumps(
            {
                "nbformat": 4,
                "cells": [
                    {"cell_type": kind, "source": source}
                    for kind, source in cells
                ],
            }
        )
    )


def test_names_of_one_cell_are_known_in_the_next(tmp_path):
    write(
        tmp_path / "a.ipynb",
        ("markdown", "# sfmpe"),
        ("code", "%matplotlib inline\nfrom sfmpe.sfmpe import SFMPE"),
        ("code", ""),
        ("code", "\n%time estim = SFMPE(x)"),
        ("code", "%%time\nestim.fit(\n  a)\nfiles = !ls"),
        ("code", "%run sfmpe_script.py\n!pip install sfmpe"),
        ("code", "%%bash\npython -m sfmpe.run"),
    )
    report = scan([tmp_path])
    assert [
        (site.place.cell, site.place.line, site.place.column, site.code)
        for site in report.sites
    ] == [(2, 2, 1, "T001"), (4, 2, 15, "T204"), (5, 2, 1, "T204")]
    assert [
        (item.place.cell, item.place.line, item.text)
        for item in report.undecided
    ] == [(6, 2, "!pip install sfmpe"), (7, 2, "python -m sfmpe.run")]
    assert str(report.sites[0].place).endswith("a.ipynb:cell 2:2:1")


def test_a_broken_cell_is_an_incomplete_scan(tmp_path):
    write(tmp_path / "a.ipynb", ("code", "import sfmpe"), ("code", "x ="))
    report = scan([tmp_path])
    assert (report.n_read, report.sites, report.exit_code) == (0, (), 3)
    assert "cell 2, line 1" in report.not_read[0].why

"""Tools that move scripts from the legacy package to the bridge and the core.

* `sources` reads and writes scripts and notebooks; `rewrite` changes their
  import statements and lists what is left to do.
* `run` runs a script and counts, records or compares its legacy calls.
* `recordings` reads and writes stored calls, `replay` repeats and compares
  them, `verify` reports; `oracle` is an independent, simple implementation.
* `bench` measures old against new code; `report` summarizes everything.
* `catalogue` has a file for each code, `legacy_names` the legacy names.
* `records` declares the JSON output of the commands, `show` formats text.

The contract `migrate` in ``pyproject.toml`` restricts imports between them.
"""

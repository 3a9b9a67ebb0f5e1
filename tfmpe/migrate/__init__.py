"""Tools that move scripts from the legacy package to the bridge and the core.

* `sources` reads scripts and notebooks and writes them back; `rewrite` changes
  their import statements and lists what is left.
* `run` runs a script and observes its legacy calls: counts, records, compares.
* `recordings` reads and writes stored calls, `replay` makes them again and
  compares, `verify` reports; `oracle` is a plain second implementation.
* `bench` measures old against new; `report` is one page about all of it.
* `catalogue` has a file for each code, `legacy_names` the legacy names.
* `records` declares what commands write as JSON, `show` formats numbers and
  tables; the contract `migrate` in ``pyproject.toml`` says who imports whom.
"""

"""The tools that take a script, and its user, off the legacy package.

Shared by all: `legacy_names`, what there was and what becomes of it;
`catalogue`, every code and its text; `exit_codes`, `errors`.

* Scripts as texts: `sources` reads and writes them, `names` says what their
  names stand for, `uses` where they use legacy ones; `scan` lists these,
  `fix` rewrites them.
* Scripts as they run: `runtime` runs them on the bridge or beside it, and
  records what the legacy package returned.
* What it returned: `recordings` reads stored calls, `replay` makes them again
  through `tfmpe.compat` and compares to the bit, `verify` reports on all.
* `bench` measures the legacy way against the new one, `page` joins what the
  others wrote to one report, `examples` are shown and run by name.

Who may import whom is the contract `migrate` in ``pyproject.toml``. Nothing
is imported here, so that a reader of recordings does not pay for what it does
not use.
"""

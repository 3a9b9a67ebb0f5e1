"""Runs of unchanged scripts with every legacy call observed.

`observe` and `calls` stand between the script and the package; `count`,
`record` and `shadow` are what is done with the calls; `show` prints it.
"""

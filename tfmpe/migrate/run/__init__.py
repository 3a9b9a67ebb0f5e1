"""Runs of unchanged scripts with every legacy call observed.

`observe` and `calls` intercept the calls; `count`, `record` and `shadow`
process them; `show` prints the result.
"""

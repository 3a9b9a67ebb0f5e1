"""Scripts run as they are, with every call of the legacy package observed.

`observe` and `calls` stand between the script and the package; `count`,
`record` and `shadow` are what is done with the calls; `show` prints it.
"""

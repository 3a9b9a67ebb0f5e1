"""Replay of recorded calls (`replay`) and comparison (`compare`).

A case of format 2 runs `steps` on `objects`, some of them `closed_forms`, and
compares them through `views`; `flow_calls` calls the methods of flows.
`targets` has the tolerances.
"""

"""Replay of recorded calls (`replay`) and comparison (`compare`).

A call of format 2 takes `steps` on `objects`, some of `closed_forms`, and
looks at them through `views`; a method of a flow is called by `flow_calls`.
`targets` has the tolerances.
"""

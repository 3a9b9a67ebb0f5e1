"""Flows: vector fields and the solution of their differential equation."""

"""Flows: vector fields, and the solution of their equation."""

"""The examples that commands show and run by name.

``tfmpe draw`` shows `models`, ``tfmpe demo`` runs `scripts`. Needs the core
only.
"""

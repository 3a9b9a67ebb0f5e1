"""Examples that the commands ``tfmpe draw`` and ``tfmpe demo`` use.

``tfmpe draw`` shows `models`, ``tfmpe demo`` runs `scripts`.
"""

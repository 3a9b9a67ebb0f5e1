"""Mirror of the legacy package ``sfmpe.util``."""

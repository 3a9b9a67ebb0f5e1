"""Mirror of the legacy package ``sfmpe.metrics``."""

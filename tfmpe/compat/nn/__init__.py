"""Mirror of the legacy package ``sfmpe.nn`` (extra ``flow``)."""

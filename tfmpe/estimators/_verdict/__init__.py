"""One verdict on an estimator and an observation, from several checks."""

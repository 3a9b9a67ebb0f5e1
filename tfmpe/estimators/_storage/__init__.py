"""Files of trained estimators and interrupted training runs."""

"""Files of trained estimators and of interrupted trainings."""

"""Growth of trees at several sites."""

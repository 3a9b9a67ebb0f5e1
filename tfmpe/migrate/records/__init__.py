"""What the commands write as JSON, and the report reads."""

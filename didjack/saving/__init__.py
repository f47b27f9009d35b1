"""Results as files in an open format: written whole, checked when they are read."""

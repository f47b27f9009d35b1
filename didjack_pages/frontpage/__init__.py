"""The front page: its finding, picture and table."""

"""Group-time effects and their averages."""

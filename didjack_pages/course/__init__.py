"""What the lessons share, plans for classes, notebooks for students."""

"""What the user asks: variables, limits, goal and windows; and the merit that ranks results."""

"""The lab clock, real or simulated, and what long actions are made of."""

"""Real servers: PostgreSQL, Redis, Tiled and bluesky-queueserver, as a lab has them."""

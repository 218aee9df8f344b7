"""A vault or a field kit on disk: what it says of itself, its log, its keys, its deliveries."""

"""The catalogue: searchable rows, a projection of the log that can be deleted and built again."""

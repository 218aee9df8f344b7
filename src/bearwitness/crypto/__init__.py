"""Bytes in, bytes out: age files, keys, shares, derived salts."""

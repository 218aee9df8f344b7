"""Checks a Bearwitness release offline; needs the standard library and `cryptography` only."""

__version__ = "0.1.0"

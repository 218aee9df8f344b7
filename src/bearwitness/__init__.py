"""Seal a drive of leaked footage, release part of it, let anyone verify it."""

__version__ = "0.1.0"

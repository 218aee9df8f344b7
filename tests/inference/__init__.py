"""Tests of the locked worker and its networks."""

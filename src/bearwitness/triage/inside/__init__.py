"""What of triage reads hostile bytes, in a locked child; imported by the zygote alone (triage/locked.py)."""

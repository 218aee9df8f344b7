"""Redaction: a plan as data, a derivative made from it, an attack on that before it is handed over.

The door is :func:`bearwitness.redact.redaction.redact`. On one page:

    FILE ─ footage (sandboxed decoding) ─► detectors ─► tracking ─► plan     edited by people: operations
    plan + FILE ─ render: groups of pictures copied or encoded anew ─► muxing ─► bytes in memory
    bytes ─ attack/ (decoded afresh) ─► hits: refused · no hits: written to OUT

Nothing here says "anonymous": what is checked is checked, the rest is said in words (:mod:`.residual`).
"""

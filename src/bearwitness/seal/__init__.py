"""INTAKE: read a source once, encrypt it, commit to it, enter it in the log."""

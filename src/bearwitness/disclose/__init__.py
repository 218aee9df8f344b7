"""RELEASE: chosen items, chosen fields of each, and the proofs that they belong to a sealed delivery."""

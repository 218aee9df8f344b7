"""The command line: one file per verb, results on stdout, talk on stderr."""

"""Triage: what is on the drive, without anybody watching it.

:mod:`.analyser` is the one shape of everything that looks at an item, :mod:`.example_analyser` the guide to
writing one, :mod:`.registry` the list. :mod:`.looking` feeds several analysers from one decode pass,
:mod:`.running` plans, runs and enters results in the log; what of it is searched lies in the catalogue.
"""

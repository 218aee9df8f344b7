"""Lets case_validate judge graphs, each argument a group of files (separated by commas) that belong together.

In one process, for its ontology takes seconds to read. Prints what it says, and last its exit codes as JSON.
"""

from __future__ import annotations

import json
import sys
from functools import cache

from case_utils import case_validate
from judging import prepare_queries


def judged(files: list[str]) -> int:
    sys.argv = ["case_validate", *files]
    try:
        case_validate.main()
    except SystemExit as leaving:
        return int(leaving.code or 0)
    raise AssertionError("it always ends so")


if __name__ == "__main__":
    prepare_queries()
    case_validate.get_ontology_graph = cache(case_validate.get_ontology_graph)
    codes = [judged(group.split(",")) for group in sys.argv[1:]]
    sys.stdout.write(f"\n{json.dumps(codes)}\n")

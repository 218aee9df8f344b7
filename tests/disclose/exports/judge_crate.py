"""Lets roc-validator judge the crates named: offline, with the context that the library rocrate brings.

Run as a program, for the validator warns and logs. Prints what must be and is not, as JSON: a list for each.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

import rdflib.plugins.shared.jsonld.context
import rocrate
from judging import prepare_queries
from rocrate_validator import models, services
from rocrate_validator.utils.http import HttpRequester

CONTEXT = json.loads((Path(rocrate.__file__).parent / "data" / "ro-crate.jsonld").read_text("utf-8"))


ANSWER_HEADERS = {"Content-Type": "application/ld+json"}


class Answer:
    status_code = 200
    headers = ANSWER_HEADERS

    def json(self) -> Any:
        return CONTEXT


def answer(self: Any, url: str, *_: Any, **__: Any) -> Any:
    if url != "https://w3id.org/ro/crate/1.1/context":
        raise OSError(f"{url} would be fetched")
    return Answer()


def fetched(self: Any, source: str, *_: Any) -> Any:
    return answer(self, source).json()


def judged(crate: str) -> list[str]:
    settings = services.ValidationSettings(
        rocrate_uri=crate,
        profile_identifier="ro-crate-1.1",
        requirement_severity=models.Severity.REQUIRED,
    )
    result = services.validate(settings)
    issues = [str(issue.message) for issue in result.get_issues()]
    return issues if result.passed() else issues or ["it did not pass"]


if __name__ == "__main__":
    prepare_queries()
    context = rdflib.plugins.shared.jsonld.context.Context
    with (
        patch.object(HttpRequester, "get", answer, create=True),
        patch.object(context, "_fetch_context", fetched),
    ):
        told = [judged(crate) for crate in sys.argv[1:]]
    sys.stdout.write(f"\n{json.dumps(told)}\n")

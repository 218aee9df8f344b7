"""Asks a C2SP witness over the network for a cosignature. Called only when a user ordered it."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from typing import Final

from bearwitness.errors import BearwitnessError, UsageError
from bearwitness_verify.report import printable

from .cosigner import CONFLICT, request_for
from .log import Log

_TIMEOUT_SECONDS: Final = 30
_ANSWER_BYTES_MAX: Final = 64 * 1024
_SIZE_BYTES_MAX: Final = 20  # digits of a size, and a newline


def add_checkpoint(url: str, log: Log, old_size: int) -> bytes:
    """Return the cosignature lines of the witness at `url`; it may tell us once what it saw last."""
    if not url.startswith(("http://", "https://")):
        raise UsageError(f"{url} is not an address of a witness")
    place = url.rstrip("/") + "/add-checkpoint"
    status, body = _post(place, request_for(log, old_size).encode())
    if status == CONFLICT and body.strip().isdigit() and len(body) <= _SIZE_BYTES_MAX:
        status, body = _post(place, request_for(log, int(body)).encode())
    if status != 200:
        text = printable(body.decode("utf-8", "replace").strip(), 200)
        raise BearwitnessError(f"the witness at {url} does not sign (status {status}): {text}")
    return body


def _post(place: str, data: bytes) -> tuple[int, bytes]:
    request = urllib.request.Request(place, data=data, method="POST")  # noqa: S310 - scheme checked above
    opener = urllib.request.build_opener()
    opener.addheaders = []  # no User-Agent: it would tell who runs this software
    try:
        with opener.open(request, timeout=_TIMEOUT_SECONDS) as answer:
            return int(answer.status), bytes(answer.read(_ANSWER_BYTES_MAX))
    except urllib.error.HTTPError as error:
        return error.code, error.read(_ANSWER_BYTES_MAX)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise BearwitnessError(
            f"the witness at {place} can not be reached: {printable(str(error))}"
        ) from None

"""Moments as files and people write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime


def read_moment(text: str) -> int | None:
    """Return nanoseconds since 1970, None if it is no moment; one without a zone is taken for UTC."""
    usual = re.sub(r"^(\d{4}):(\d\d):(\d\d)", r"\1-\2-\3", text.strip()).replace("Z", "+00:00")
    try:
        moment = datetime.fromisoformat(usual)
    except ValueError:
        return None
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return int((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()) * 1_000_000_000

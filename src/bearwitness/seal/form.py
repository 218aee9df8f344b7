"""What a person says of a delivery: the custody form (ISO/IEC 27037, Berkeley §167)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from bearwitness.errors import UsageError
from bearwitness_verify.canonical import Json

_INSTALMENT = re.compile(r"([1-9][0-9]{0,3})/([1-9][0-9]{0,3}|\?)\Z")


@dataclass(frozen=True)
class CustodyForm:
    """The form on the bag. Texts as people wrote them; empty ones are left out."""

    by: str = ""
    note: str = ""
    bag: str = ""
    photographs: tuple[str, ...] = ()
    handlers: tuple[str, ...] = ()
    transfers: tuple[str, ...] = ()
    storage: str = ""
    write_blocker: str = ""
    late: str = ""
    instalment: str = ""
    extra: Mapping[str, str] = field(default_factory=dict)

    def fields(self) -> dict[str, Json]:
        """Return the fields of the log entry this form fills."""
        custody: dict[str, Json] = {}
        for name, value in (
            ("bag", self.bag),
            ("storage", self.storage),
            ("write_blocker", self.write_blocker),
        ):
            if value:
                custody[name] = value
        for name, values in (
            ("photographs", self.photographs),
            ("handlers", self.handlers),
            ("transfers", self.transfers),
        ):
            if values:
                custody[name] = list(values)
        out: dict[str, Json] = {
            name: value
            for name, value in (("by", self.by), ("note", self.note), ("late", self.late))
            if value
        }
        if custody:
            out["custody"] = custody
        if self.instalment:
            number, total = parse_instalment(self.instalment)
            out["instalment"] = {"number": number, "of": total}
        return out


def parse_instalment(text: str) -> tuple[str, str]:
    """Read ``2/5`` or ``2/?``."""
    match = _INSTALMENT.match(text)
    if match is None:
        raise UsageError(f"{text!r} is no instalment", "write it as 2/5, or 2/? if the total is not known")
    return match[1], match[2]

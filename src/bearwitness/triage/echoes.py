"""What two recorders heard of one event ties their clocks: prints of sound are laid over each other.

`bearwitness clocks --sounds` compares the recordings of different recorders with each other. What is not sure
is no evidence (signals/soundprint.py); what is, goes to the clock solver with its error bar, among whatever
else may contradict it.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import combinations
from typing import Any, Final
from zipfile import BadZipFile

import numpy as np
from sqlalchemy import select

from bearwitness.catalogue import schema
from bearwitness.catalogue.catalogue import Catalogue
from bearwitness.errors import MalformedError
from bearwitness.media.model import Sound
from bearwitness.signals.clock_evidence import Same
from bearwitness.signals.soundprint import BANDS, ERROR, RATE, STEP, Print, Printer, match
from bearwitness.vault.derivatives import DONE
from bearwitness.vault.ledger import Ledger

from .analyser import NOT_MINE, SOUND, VIDEO, Analyser, Analysis, Material, Result, Samples
from .clocks import recorder_of

FILE: Final = "print.npz"
SOURCE: Final = "sound"
_PAIRS_MAX: Final = 20_000


class SoundPrint(Analyser):
    """Keeps when energy sets in, in eight bands, a hundred times a second."""

    name = "soundprint"
    version = "2"
    kinds = frozenset({VIDEO, SOUND})
    wants = (Samples(RATE),)

    def begin(self, material: Material) -> Analysis:
        """Begin with an item."""
        return _Printing()


class _Printing(Analysis):
    def __init__(self) -> None:
        self._printer = Printer()

    def sound(self, sound: Sound) -> None:
        try:
            self._printer.add(sound.samples, sound.time)
        except ValueError as error:
            raise MalformedError(f"the sound can not be followed: {error}") from None

    def finish(self) -> Result:
        if self._printer.start is None:
            return NOT_MINE
        found = self._printer.finish()
        details = {"seconds": round(found.shape[1] * STEP, 3)}
        return Result(details=details, files={FILE: encode(found, self._printer.start)})


def encode(found: Print, start: Fraction) -> bytes:
    """Return a print and the time of its first column, in seconds, as bytes."""
    out = io.BytesIO()
    np.savez_compressed(out, allow_pickle=False, print=found, start=np.array([float(start)]))
    return out.getvalue()


def decode(data: bytes) -> tuple[Print, float]:
    """Read what :func:`encode` wrote; raise MalformedError."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as read:
            arrays: dict[str, Any] = dict(read)
        found, start = arrays["print"], float(arrays["start"][0])
    except (KeyError, ValueError, IndexError, OSError, EOFError, BadZipFile) as error:
        raise MalformedError(f"a stored print of sound is malformed: {error}") from None
    if found.dtype != np.int8 or found.ndim != 2 or found.shape[0] != BANDS or not np.isfinite(start):
        raise MalformedError("a stored print of sound is malformed")
    return found, start


@dataclass
class Echoes:
    """Evidence from sound; how many pairs were compared, and how many there was no time for."""

    evidence: list[Same] = field(default_factory=list)
    compared: int = 0
    left_out: int = 0


def echoes(
    ledger: Ledger,
    catalogue: Catalogue,
    by: str = "name",
    progress: Callable[[int], None] = lambda done: None,
) -> Echoes:
    """Return what recordings of different recorders heard together; frozen items are left out."""
    prints = dict(_stored(ledger, catalogue))
    recorders = _recorders(catalogue, prints, by)
    found = Echoes()
    for one, other in combinations(sorted(prints), 2):
        if recorders[one] == recorders[other]:
            continue
        if found.compared >= _PAIRS_MAX:
            found.left_out += 1
            continue
        found.compared += 1
        progress(1)
        (sounds, start), (others, begin) = prints[one], prints[other]
        for heard in match(sounds, others):
            moment, place = start + heard.one, begin + heard.other
            found.evidence.append(Same(one, moment, other, place, ERROR, SOURCE))
    return found


def _recorders(catalogue: Catalogue, items: Mapping[str, Any], by: str) -> dict[str, str]:
    rows = {item: catalogue.get(item) for item in items}
    return {
        item: recorder_of(row.path.decode("utf-8", "replace"), by) if row is not None else item
        for item, row in rows.items()
    }


def _stored(ledger: Ledger, catalogue: Catalogue) -> Iterator[tuple[str, tuple[Print, float]]]:
    table = schema.results.c
    query = select(table.item, table.delivery, table.job, table["keys"]).where(
        table.kind == SoundPrint.name, table.version == SoundPrint.version, table.outcome == DONE
    )
    with catalogue.connect() as connection:
        rows = connection.execute(query.order_by(table.item)).all()
    for item, delivery, job, keys in rows:
        if not catalogue.is_frozen(item):
            derived = ledger.open_derived(ledger.open_delivery(delivery), keys)
            yield str(item), decode(derived.read(job, FILE))

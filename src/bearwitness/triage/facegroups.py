"""Groups of faces that may be of one person, over all deliveries that two people authorised for it.

Made anew from the stored prints each time they are asked for, and kept nowhere. Without an authorisation in
force nothing is read, whatever is stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Final

import numpy as np
from sqlalchemy import select

from bearwitness.catalogue import schema
from bearwitness.catalogue.catalogue import Catalogue
from bearwitness.errors import RefusedError, UsageError
from bearwitness.signals.grouping import group_prints
from bearwitness.vault.derivatives import DONE
from bearwitness.vault.ledger import Ledger
from bearwitness.vault.permissions import authorised

from .faceprints import FILE, PrintedFaces, decode

_ALIKE_MAX: Final = 200_000  # faces that are compared at once


@dataclass(frozen=True)
class Face:
    """A face in an item: seconds, box in parts of the picture, and how far it is from its group's middle."""

    item: str
    time: float
    box: tuple[float, float, float, float]
    distance: float


@dataclass(frozen=True)
class FaceGroup:
    """Faces that may be of the same person, the surest first. The name is that of its surest face."""

    name: str
    faces: tuple[Face, ...]


def require_authorised(ledger: Ledger) -> set[str]:
    """Return the deliveries whose faces may be grouped; raise RefusedError if there is none."""
    allowed = authorised(ledger)
    if not allowed:
        raise RefusedError(
            "grouping of faces is off: no two people have authorised it, or the permission ended",
            "it yields leads, never an identity; two keepers allow it for a case: bearwitness authorise",
        )
    return allowed


def groups(ledger: Ledger, catalogue: Catalogue) -> list[FaceGroup]:
    """Return the groups, the largest first; frozen items are left out. Raises RefusedError."""
    found, prints = _stored(ledger, catalogue, require_authorised(ledger))
    if not found:
        return []
    order = sorted(range(len(found)), key=lambda n: (-found[n][1], found[n][0].item, found[n][0].time, n))
    made = []
    for group in group_prints(prints, order):
        faces = tuple(
            Face(found[n][0].item, found[n][0].time, found[n][0].box, distance)
            for n, distance in zip(group.members, group.distances, strict=True)
        )
        made.append(FaceGroup(_name(faces[0]), faces))
    return made


def group_called(made: list[FaceGroup], name: str) -> FaceGroup:
    """Return the group whose name begins so; raise UsageError for none or several."""
    fit = [group for group in made if name and group.name.startswith(name.lower())]
    if len(fit) != 1:
        raise UsageError(f"{len(fit)} groups of faces begin with {name!r}", "see: bearwitness faces")
    return fit[0]


def _stored(
    ledger: Ledger, catalogue: Catalogue, allowed: set[str]
) -> tuple[list[tuple[Face, float]], np.ndarray[tuple[int, int], np.dtype[np.float32]]]:
    """Return faces with their weight (size times score), and their prints in the same order."""
    table = schema.results.c
    query = select(table.item, table.delivery, table.job, table["keys"]).where(
        table.kind == PrintedFaces.name, table.version == PrintedFaces.version, table.outcome == DONE
    )
    with catalogue.connect() as connection:
        rows = connection.execute(query.order_by(table.item, table.job)).all()
    found: list[tuple[Face, float]] = []
    prints = [np.empty((0, 128), np.float32)]
    for item, delivery, job, keys in rows:
        if delivery not in allowed or catalogue.is_frozen(item):
            continue
        places, numbers = decode(ledger.open_derived(ledger.open_delivery(delivery), keys).read(job, FILE))
        for time, left, top, width, height, score in places.tolist():
            found.append((Face(item, time, (left, top, width, height), 0.0), width * height * score))
        prints.append(numbers)
    if len(found) > _ALIKE_MAX:
        raise RefusedError(f"{len(found):,} faces are too many to compare", "authorise fewer deliveries")
    return found, np.concatenate(prints)


def _name(face: Face) -> str:
    """Return a name that stays as long as the surest face of a group does."""
    told = f"{face.item} {face.time:.6f} {' '.join(f'{side:.6f}' for side in face.box)}"
    return sha256(told.encode()).hexdigest()[:12]

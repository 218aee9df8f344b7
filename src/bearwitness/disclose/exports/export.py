"""Verifies a release, then writes it in one of the forms. The one function to call is :func:`export`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from bearwitness.errors import UsageError
from bearwitness.vault.ledger import Ledger
from bearwitness_verify.anchors import Anchors

from . import bag, case, crate, credentials, handlers, index, papers
from .shown import Shown, read
from .writing import fresh, write

Form = Callable[[Path, Shown, Path], None]


def _case(package: Path, shown: Shown, path: Path) -> None:
    write(path, case.as_json(shown))


def _index(package: Path, shown: Shown, folder: Path) -> None:
    folder.mkdir()
    write(folder / "exhibits.csv", index.as_csv(shown))
    write(folder / "exhibits.dat", index.as_load_file(shown))


def _certificate(package: Path, shown: Shown, path: Path) -> None:
    write(path, papers.certificate(shown))


def _report(package: Path, shown: Shown, path: Path) -> None:
    write(path, papers.report(shown))


CRATE: Final = "ro-crate"
DECLARATIONS: Final = "declarations"
C2PA: Final = "c2pa"
FORMS: Final[Mapping[str, Form | None]] = {
    "bagit": bag.write_bag,
    CRATE: None,  # it alone takes a date
    "case": _case,
    "certificate": _certificate,
    "report": _report,
    "index": _index,
}


def export(
    package: Path,
    destination: Path,
    form: str,
    anchors: Anchors,
    day: str | None = None,
    ledger: Ledger | None = None,
    signing: tuple[Path, Path] | None = None,
) -> Shown:
    """Write the release at `package` as `form` to the new `destination`; return what it shows.

    `signing`: a private key and its certificates, for content credentials only.
    `ledger`: the vault whose custody log tells who handled the material, for the declarations only.
    `day` is when it is published, for a crate only. Raises UsageError if the destination is there already or
    `day` is missing or of no use, RefusedError if the release does not hold.
    """
    if destination.resolve().is_relative_to(package.resolve()):
        raise UsageError(f"{destination} lies in the release itself", "name a destination outside of it")
    made = FORMS.get(form)
    if form != CRATE and day is not None:
        raise UsageError(f"the form {form} tells no date", "leave out --date")
    if (form == DECLARATIONS) != (ledger is not None):
        raise UsageError(
            "the declarations, and no other form, are made with the vault's custody log",
            "give --vault and --identity with --as declarations",
        )
    if (form == C2PA) != (signing is not None):
        raise UsageError(
            "content credentials, and no other form, are signed",
            "give --c2pa-key and --c2pa-chain with --as c2pa",
        )
    published = crate.published(day) if form == CRATE else ""
    with fresh(destination) as folder:
        shown = read(package, anchors)
        if ledger is not None:
            write(folder / destination.name, handlers.declarations(ledger, shown))
        elif signing is not None:
            credentials.sign_copies(package, shown, folder / destination.name, *signing)
        elif made is None:
            crate.write_crate(package, shown, folder / destination.name, published)
        else:
            made(package, shown, folder / destination.name)
    return shown

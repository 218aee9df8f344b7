"""What a file is called by its first bytes decides who looks at it."""

from __future__ import annotations

import pytest

from bearwitness.disclose.inspecting import _kind
from bearwitness.disclose.kinds import extension_of
from bearwitness.media.metadata import FOOTAGE, IMAGE
from bearwitness.media.model import MediaError


@pytest.mark.parametrize(
    ("brand", "kind"), [("heic", IMAGE), ("mif1", IMAGE), ("heix", IMAGE), ("isom", FOOTAGE)]
)
def test_a_photograph_is_read_as_one_and_not_as_footage_in_tiles(brand: str, kind: str) -> None:
    assert _kind(f"01.{extension_of(b'....ftyp' + brand.encode())}") == kind


@pytest.mark.parametrize("brand", ["hevc", "msf1", "avif", "avis", "crx "])
def test_pictures_of_which_not_all_can_be_read_are_refused(brand: str) -> None:
    with pytest.raises(MediaError, match="can not be looked at yet"):
        _kind(f"01.{extension_of(b'....ftyp' + brand.encode())}")

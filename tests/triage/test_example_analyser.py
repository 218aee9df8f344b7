"""The analyser that others are written after does what it says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bearwitness.triage.analyser import VIDEO, Material, Result
from bearwitness.triage.example_analyser import Brightness
from bearwitness.triage.looking import look
from bearwitness.vault.derivatives import DONE


def test_a_brighter_copy_is_brighter_by_the_minute(
    material: Callable[[bytes], Material], corpus: Path
) -> None:
    found = {}
    for name in ("stage-bright", "stage-caption"):
        analyser = Brightness(seconds=1)
        (looked,) = look(material((corpus / f"neardup/{name}.mp4").read_bytes()), [("job", analyser)])
        assert looked.outcome == DONE
        found[name] = looked.files["result.json"]
    bright, plain = (float(data.split(b'"value":')[1].split(b",")[0]) for data in found.values())
    assert bright > plain


def test_it_tells_its_parameters_for_they_decide_the_job() -> None:
    assert Brightness(seconds=7).parameters == {"every": "7"}
    assert Brightness.kinds == {VIDEO}
    assert isinstance(Result().encode()["result.json"], bytes)

"""Where a policy hides the date of the seal, nothing in the package carries it: no stamp, no cosignature."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from bearwitness_verify.checkpoint import LogProof
from bearwitness_verify.note import parse
from workbench import Scene, run, verify


@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize("path", ["a.txt", "more/кит.bin"])
def test_stamps_and_cosignatures_are_left_out_where_the_date_is_hidden(
    scene: Scene, tmp_path: Path, path: str, hidden: bool
) -> None:
    vault = tmp_path / "vault"
    shutil.copytree(scene.vault, vault)
    text = run("release", "--print-profile", "press").ok().out.replace("approvals = 2", "approvals = 0")
    text = text.replace('name = "press"', 'name = "a policy of our own"')
    assert "of our own" in text
    policy = tmp_path / "policy.toml"
    policy.write_text(text if hidden else text.replace("seal_date = false", "seal_date = true"))
    said = ["--statement", f"{scene.items()[path]['item']}: a text"]
    scene.do("release", tmp_path / "out", *said, "--profile", policy, vault=vault)
    verify(tmp_path / "out", "--vault-key", scene.fingerprint).ok()
    (delivery,) = json.loads((tmp_path / "out" / "release.json").read_bytes())["deliveries"]
    logs = [delivery["log"]] + ([delivery["import"]["log"]] if delivery["import"] else [])
    signatures = [len(parse(LogProof.parse(log["proof"]).note).signatures) for log in logs]
    if hidden:
        assert signatures == [1] * len(logs)
        assert not any(log["stamps"] or log["further"] for log in logs)
    elif scene.stamped:
        assert max(signatures) > 1 or any(log["stamps"] or log["further"] for log in logs)

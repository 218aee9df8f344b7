"""Of clips that no vault here holds (an hour long, a clock that goes back) the page says what Python says."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import pytest

from bearwitness_verify import playing
from bearwitness_verify.clip_proof import content_order
from bearwitness_verify.rows import Row, by_tracks
from browser import Tab, needs_chromium
from reader import Reader

pytestmark = needs_chromium
PACKETS = 170_000  # an hour of AAC; some 120,000 arguments are what Chromium passes to a function
FIELDS: dict[str, dict[str, Any]] = {
    "mp4": {"codec": "avc1", "extradata": "AWQAHw", "media": "video", "width": "320", "height": "180"},
    "avi": {"codec": "0x0055", "extradata": "VQACAESsAACAPgAAAQAAAA", "media": "audio"},
}
_PLAN = """
(() => {
  const [fields, count] = %s;
  const bytes = new Uint8Array(ROW_BYTES * count);
  const view = new DataView(bytes.buffer);
  for (let n = 0; n < count; n += 1) {
    const at = ROW_BYTES * n;
    view.setUint32(at, 1);
    view.setUint32(at + 4, n %% 25 ? 0 : 1);
    view.setBigUint64(at + 8, BigInt(n));
    view.setUint32(at + 20, 1);
    view.setBigUint64(at + 24, BigInt(1 + n %% 7));
    view.setBigInt64(at + 32, BigInt(1024 * n + 1024 * (n %% 3)));
    view.setBigInt64(at + 40, BigInt(1024 * n));
    view.setBigInt64(at + 48, 1024n);
  }
  const indices = Array.from({ length: fields.length + count }, (_, n) => n);
  const tracks = tracksOf(fields, parseRows(bytes), indices);
  const plan = planOf(tracks, contentOrder(tracks));
  const before = Array.from({ length: count }, (_, n) => plan.before(n));
  return hex(sha256(joinedList([plan.head, ...before, plan.tail])));
})()
"""


@pytest.fixture(scope="module")
def tab(reader: Reader) -> Tab:
    return reader.tab


@pytest.mark.parametrize("container", FIELDS)
def test_the_page_and_python_make_the_same_plan_of_an_hour(tab: Tab, container: str) -> None:
    decoder = FIELDS[container] | {"container": container, "time_base": "1/48000"}
    fields: list[Any] = [
        {"name": "decoder", "track": "1", "value": decoder}, {"name": "display", "track": "1", "value": {}},
    ]  # fmt: skip
    rows = [
        Row(1, 0 if n % 25 else 1, n, 0, 1, 1 + n % 7, 1024 * n + 1024 * (n % 3), 1024 * n, 1024)
        for n in range(PACKETS)
    ]
    tracks = by_tracks(list(enumerate(fields)), list(enumerate(rows, start=2)))
    plan = playing.plan(tracks, content_order(tracks))
    assert plan is not None
    before = [piece for _, piece in zip(rows, plan.before, strict=False)]
    wanted = sha256(b"".join([plan.head, *before, plan.tail])).hexdigest()
    assert tab.do(_PLAN % json.dumps([fields, PACKETS])) == wanted


def test_pictures_of_a_clock_that_goes_back_are_not_called_pictures_from_before_the_clip(tab: Tab) -> None:
    told = """((times) => {
      const rows = times.map((time) => ({ flags: 1, time: BigInt(time), lasts: 0n }));
      const track = { number: 1, media: "video", codec: "avc1", edits: [], rows, timeOf: (row) => row.time };
      track.played = rows.filter((row) => row.time >= rows[0].time);
      track.span = [[0n, 1n], [1n, 1n]];
      const report = new Report();
      Verification.prototype.track.call({ report }, "exhibits/01.ts", track);
      return report.findings.map((found) => found.key);
    })(%s)"""
    assert tab.do(told % [300, 100, 200, 600, 400]) == ["f.track", "f.leading"]
    assert tab.do(told % [300, 100, 400, 500, 0, 100, 600]) == ["f.track", "f.goesBack"]
    assert tab.do(told % [300, 400, 500]) == ["f.track"]

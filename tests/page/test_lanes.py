"""The page says the same whether it hashes in workers, in itself, or in itself because its workers failed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from browser import Browser, needs_chromium
from forging import Forged
from reader import Reader
from workbench import SEED, Scene, scaled

pytestmark = needs_chromium
pytest.importorskip("containers.media", reason="PyAV makes the footage")
from test_agreement import SIGNED, Alter, agree  # noqa: E402

COUNTED = """(() => {
  const Given = Worker;
  self.made = 0;
  self.Worker = class extends Given { constructor(...args) { super(...args); self.made += 1; } };
  self.inPage = 0;
  const own = hashFile;
  hashFile = (...args) => { self.inPage += 1; return own(...args); };
  workersFrom = 0;
})()"""
REFUSED = {
    "none": "0",
    "the browser throws": "self.Worker = function () { throw new DOMException('', 'SecurityError'); }; 0",
    "they do not start": "ownAddress = 'blob:null/nothing'; 0",
    "they die at once": "ownAddress = URL.createObjectURL(new Blob(['throw new Error()'])); 0",
    "they can not read what they get": """ownAddress = URL.createObjectURL(new Blob(
      ["self.onmessage = () => setTimeout(() => { throw new Error(); })"])); 0""",
}


@pytest.fixture
def own(chromium: Browser, place: Path) -> Iterator[Reader]:
    """Return a reader before a page of its own that takes workers for the smallest package."""
    reader = Reader(chromium.tab(place))
    reader.tab.do(COUNTED)
    yield reader
    reader.tab.close()


@pytest.mark.parametrize("refused", REFUSED)
def test_without_workers_the_page_itself_hashes_and_says_the_same(
    own: Reader, reader: Reader, scene: Scene, tmp_path: Path, refused: str
) -> None:
    own.tab.do(REFUSED[refused])
    key = scene.made["vault_key"]
    assert own.check(scene.court, key) == reader.check(scene.court, key)
    assert own.tab.do("self.inPage") > 2 or refused == "none"
    made = Forged(scene.court, scene.vault, tmp_path)
    name = next(name for name in made.files if name.startswith("exhibits/"))
    made.files[name] = bytes([made.files[name][0] ^ 1]) + made.files[name][1:]
    package = made.write()
    outcome = own.check(package, made.key)
    assert outcome == reader.check(package, made.key)
    assert outcome.state == "failed"


def test_large_packages_are_hashed_in_workers_alone(own: Reader, scene: Scene) -> None:
    assert own.tab.do("LANES > 1"), "a machine with one processor has no use for workers"
    assert own.check(scene.court, scene.made["vault_key"]).state == "verified"
    assert own.tab.do("self.made") == 2
    assert own.tab.do("self.inPage") == 2  # the statement and its signature, which come before
    assert not own.tab.said("Runtime.exceptionThrown")
    assert not own.tab.said("Log.entryAdded")


@pytest.mark.parametrize("alter", SIGNED, ids=lambda alter: alter.__name__)
def test_page_with_workers_and_python_say_the_same_of_forgeries(
    own: Reader, scene: Scene, tmp_path: Path, alter: Alter
) -> None:
    chance = random.Random(f"{SEED} lanes {alter.__name__}")
    for _ in range(scaled(1, 25)):
        made = Forged(scene.court, scene.vault, tmp_path)
        what = alter(made, chance)
        agree(own, made.write(), made.key, f"{what}")


def test_files_that_are_held_whole_together_stay_within_what_one_may_take(own: Reader) -> None:
    code = """(async () => {
      const files = new Map(
        [5, 3, 9, 2].map((size, n) => [`${n}`, { blob: { size: size * 2 ** 20 }, crc: null }]));
      const hashing = new Hashing(new Map(), null);
      let held = 0;
      let most = 0;
      const lane = { hash: async (file) => {
        held += file.blob.size;
        most = Math.max(most, held);
        await new Promise((go) => setTimeout(go));
        held -= file.blob.size;
        return { sha256: String(file.blob.size), leaves: null };
      } };
      Object.assign(hashing, { files, room: 10 * 2 ** 20, lanes: [lane, lane], workers: 2 });
      for (const name of files.keys()) hashing.expect(name, null);
      const found = await Promise.all([...files.keys()].map((name) => hashing.of(name, null)));
      return [most / 2 ** 20, found.map((one) => Number(one.sha256) / 2 ** 20)];
    })()"""
    assert own.tab.do(code) == [9, [5, 3, 9, 2]]

// Proves of a redacted copy which pictures are the sealed original's, bit for bit (format, 11.6).

const COPY_ORIGINALS = ["mp4", "mov", "matroska"];
const COPY_CODECS = ["avc1", "avc3", "V_MPEG4/ISO/AVC"];
const [UNIT_SLICE, UNIT_PARTITION, UNIT_IDR, UNIT_SPS, UNIT_PPS] = [1, 2, 5, 7, 8];
const UNIT_HEAD_BYTES = 64; // numbers stand in the first sixteen

/** Read a redacted copy of an item. */
function parseCopy(value) {
  const got = members(value, "approvals copied entry file log", "plan");
  const log = parseLog(got.log);
  if (log.further.length || log.proof.stamps) throw new Refusal("e.malformed", { what: "log of a copy" });
  return {
    file: textOf(got.file), entry: parseEntry(got.entry), log,
    approvals: smallInteger(got.approvals, 1000),
    copied: got.copied === null ? null : parseCopied(got.copied),
    plan: Object.hasOwn(got, "plan") ? textOf(got.plan) : null,
  };
}

function parseCopied(value) {
  const got = members(value, "samples segments table");
  const pairs = words32(bytesOf(got.samples));
  if (pairs.length % 2) throw new Refusal("e.malformed", { what: "runs" });
  const samples = [];
  let end = -1;
  for (let at = 0; at < pairs.length; at += 2) {
    const [first, length] = [pairs[at], pairs[at + 1]];
    if (first <= end || !length) throw new Refusal("e.malformed", { what: "runs" });
    samples.push([first, length]);
    end = first + length;
  }
  return { samples, segments: parseSegments(got.segments), table: parseTable(got.table) };
}

/** Return what the log says of a copy with the SHA-256 `digest`, once it was entered as one of this item. */
async function checkDerivation(copy, item, vault, digest) {
  if (copy.log.key.text !== vault.text) throw new Refusal("e.otherVault");
  const checkpoint = await checkLogOf(copy.entry, copy.log);
  const fields = entryFields(copy.entry, "derived");
  if (fields.get("item") !== item.id) throw new Refusal("e.copyItem");
  if (!fields.has("redaction")) throw new Refusal("e.mustShow", { name: "redaction" });
  const got = members(fields.get("redaction"), "build container copy detectors plan tool version", "ends mark");
  for (const one of listOf(got.detectors)) members(one, "name precision scales sha256");
  ["build", "container", "copy", "plan", "tool", "version"].forEach((name) => textOf(got[name]));
  if (![got.copy, got.plan].every((hash) => /^[0-9a-f]{64}$/.test(hash))) throw new Refusal("e.malformed", { what: "redaction" });
  if (Object.hasOwn(got, "ends")) bigInteger(got.ends, 1n);
  if (Object.hasOwn(got, "mark")) bigInteger(got.mark, 1n);
  if (got.copy !== digest) throw new Refusal("e.copyOther");
  if (copy.copied && !["mp4", "mov"].includes(got.container)) throw new Refusal("e.copyKind");
  if (copy.copied && Object.hasOwn(got, "mark")) throw new Refusal("e.copyMark");
  return { told: got, checkpoint };
}

/** Check what is copied of an item; `raw` and `file` are blobs, `leaves` the hashes of the segments. */
async function checkCopied(fields, copied, raw, leaves, file) {
  const tracks = proveTable(fields, copied.table, true);
  const [track] = tracks;
  const known = track.media === "video" && COPY_CODECS.includes(track.codec) && COPY_ORIGINALS.includes(track.container);
  if (tracks.length > 1 || !known || track.edits === null) throw new Refusal("e.copyKind");
  const digests = await copiedPackets(fields, copied.segments, track, raw, leaves);
  const source = new BlobReader(file);
  const movie = await readCopy(source);
  const original = parameterSets(extradataOf(track));
  checkParameters(checkShown(movie[0], track), original);
  const rows = rowsOfSamples(copied, movie[0].samples.length);
  checkTimes(movie[0], track, rows);
  await checkSamples(source, movie, rows, digests, original);
  return spansOf(movie, rows);
}

/** Return the SHA-256 of each packet by its row. */
async function copiedPackets(fields, { proof, lengths }, track, raw, leaves) {
  const order = contentOrder([track]).map(({ row }) => row);
  if (order.length !== track.rows.length) throw new Refusal("e.copyKind");
  const tree = contentTree(fields.get("content"));
  if (!same(rootFromSeveral(proof.indices, tree.height, leaves, proof.hashes), tree.root)) throw new Refusal("e.clipBytes");
  const packets = new PlainPackets(order, proof.indices);
  const source = new BlobReader(raw);
  const digests = [];
  for (let at = 0; at < lengths.length; at += 1) {
    packets.take(proof.indices[at], await source.read(lengths[at]));
    for (const packet of packets.ready()) digests.push(hex(sha256(packet)));
  }
  packets.finish();
  for (const packet of packets.ready()) digests.push(hex(sha256(packet)));
  return new Map(order.map((row, at) => [row, digests[at]]));
}

/** Return for each copied sample the number of its packet; refuse a hole within a run. */
function rowsOfSamples({ samples, table }, count) {
  const places = table.proof.indices.slice(table.fields.length);
  const total = samples.reduce((sum, [, length]) => sum + length, 0);
  const last = samples.length ? samples.at(-1)[0] + samples.at(-1)[1] : 0;
  if (!total || total !== places.length || last > count) throw new Refusal("e.copyRuns");
  const rows = new Map();
  for (const [first, length] of samples) {
    const at = rows.size;
    if (places[at + length - 1] - places[at] !== length - 1) throw new Refusal("e.copyRuns");
    for (let n = 0; n < length; n += 1) rows.set(first + n, at + n);
  }
  return rows;
}

/** Refuse unless the copy's pictures are shown and decoded as the original's; return their parameters. */
function checkShown(copy, track) {
  const { entry, kind } = copy;
  if (kind !== "avc1" || entry.length < 78) throw new Refusal("e.copyDecoder");
  const found = {};
  let wanted = ["avcC", "pasp", "colr"];
  for (const [name, content] of copyBoxes(entry.subarray(78))) {
    if (!wanted.includes(name)) throw new Refusal("e.copyDecoder");
    wanted = wanted.slice(wanted.indexOf(name) + 1);
    found[name] = content;
  }
  if (!found.avcC || (found.pasp && found.pasp.length !== 8)) throw new Refusal("e.copyDecoder");
  const [width, height] = [24, 26].map((at) => BigInt(bigEndian(entry.subarray(at, at + 2))));
  const aspect = found.pasp ? [BigInt(u32(found.pasp, 0)), BigInt(u32(found.pasp, 4))] : [1n, 1n];
  const sets = parameterSets(found.avcC);
  const sealed = orRefuse("e.copyShown", {}, () => shownShape(track, width, height));
  const turned = sealed.turn.map(Math.abs).sort((a, b) => a - b).join() === "0,0,65536,65536";
  const alike = width === sealed.width && height === sealed.height && width && height && !(width % 2n) && !(height % 2n);
  if (!alike || !turned || sealed.turn.some((number, at) => number !== copy.turn[at])) throw new Refusal("e.copyShown");
  const [n, d] = sealed.aspect;
  if (!aspect[1] || aspect[0] * d !== aspect[1] * n || BigInt(copy.height) !== height << 16n) throw new Refusal("e.copyShown");
  const off = BigInt(copy.width) * d - width * n * 65536n;
  if (off > d * 65536n || -off > d * 65536n) throw new Refusal("e.copyShown");
  return sets;
}

/** Return size, turn and shape of a pixel of the original; throw where it says two things or more than we know. */
function shownShape(track, width, height) {
  const { display } = track;
  if (["crop", "projection", "unit"].some((name) => Object.hasOwn(display, name))) throw new Error("unknown");
  const matrix = displayNumbers(display.matrix ?? null, 9) ?? IDENTITY_MATRIX.map(BigInt);
  const movie = displayNumbers(display.movie_matrix ?? null, 9) ?? IDENTITY_MATRIX.map(BigInt);
  if (IDENTITY_MATRIX.some((number, at) => BigInt(number) !== BigInt(movie[at]))) throw new Error("distorted");
  let aspect = display.pixel_aspect === undefined ? [1n, 1n] : displayFraction(display.pixel_aspect).map(BigInt);
  if (display.width !== undefined && display.height !== undefined) {
    const [across, down] = [display.width, display.height].map((side) => {
      const [n, d] = displayFraction(side).map(BigInt);
      return (n << 16n) / d;
    });
    if (track.container === "matroska" && down) aspect = [across * height, down * width];
    else {
      const off = across * aspect[1] - width * aspect[0] * 65536n;
      const low = down - height * 65536n;
      if (off > aspect[1] * 65536n || -off > aspect[1] * 65536n || low > 65536n || -low > 65536n) throw new Error("stretched");
    }
  }
  const [sealedWidth, sealedHeight] = ["width", "height"].map((name) => BigInt(decoderNumber(track, name)));
  return { width: sealedWidth, height: sealedHeight, aspect, turn: [0, 1, 3, 4].map((at) => Number(matrix[at])) };
}

/** Return what an avcC says: bytes of a length, and the parameter sets. */
function parameterSets(bytes) {
  const refuse = (holds) => {
    if (!holds) throw new Refusal("e.copyDecoder");
  };
  refuse(bytes.length > 6 && bytes[0] === 1 && bytes[5] & 31);
  let at = 6;
  const units = (count, kind) => Array.from({ length: count }, () => {
    const size = bigEndian(bytes.subarray(at, at + 2));
    const unit = bytes.subarray(at + 2, at + 2 + size);
    refuse(size && unit.length === size && (unit[0] & 31) === kind);
    at += 2 + size;
    return unit;
  });
  const sps = units(bytes[5] & 31, UNIT_SPS);
  refuse(at < bytes.length);
  at += 1;
  return { lengthSize: (bytes[4] & 3) + 1, sps, pps: units(bytes[at - 1], UNIT_PPS) };
}

/** Refuse unless the original's parameter sets come first in the copy and keep their numbers. */
function checkParameters(copy, original) {
  let good = copy.lengthSize === original.lengthSize;
  for (const [own, sealed, skip] of [[copy.sps, original.sps, 4], [copy.pps, original.pps, 1]]) {
    good &&= own.length >= sealed.length && sealed.every((unit, at) => same(own[at], unit));
    const taken = new Set(sealed.map((unit) => setNumber(unit, skip)));
    good &&= own.slice(sealed.length).every((unit) => !taken.has(setNumber(unit, skip)));
  }
  if (!good) throw new Refusal("e.copyDecoder");
}

const setNumber = (unit, skip) => unitNumbers(unit, skip, 1)[0];

/** Return the first ue(v) after `skip` bytes of a unit, escapes taken out. */
function unitNumbers(unit, skip, count) {
  const plain = [];
  let zeros = 0;
  for (const byte of unit.subarray(1, UNIT_HEAD_BYTES)) {
    if (zeros === 2 && byte === 3) zeros = 0;
    else {
      zeros = byte ? 0 : Math.min(2, zeros + 1);
      plain.push(byte);
    }
  }
  const bits = plain.slice(skip - 1, skip + 15).map((byte) => byte.toString(2).padStart(8, "0")).join("");
  const found = [];
  for (let at = 0; found.length < count; ) {
    const first = bits.indexOf("1", at) - at;
    if (first < 0 || first > 20 || bits.length < at + 2 * first + 1) throw new Refusal("e.copyDecoder");
    found.push(parseInt(bits.slice(at, at + 2 * first + 1), 2) - 1);
    at += 2 * first + 1;
  }
  return found;
}

/** Return the numbers of the picture parameter sets that are sealed, and the sequence's they name, too. */
function namedBy({ sps, pps }) {
  const sequences = new Set(sps.map((unit) => setNumber(unit, 4)));
  return new Set(pps.map((unit) => unitNumbers(unit, 1, 2)).filter(([, sequence]) => sequences.has(sequence)).map(([number]) => number));
}

/** Refuse unless a copied picture decodes with sealed parameters, and changes none for others. */
function checkCopiedUnits(units, { sps, pps }, named) {
  for (const unit of units) {
    const kind = unit[0] & 31;
    const set = kind === UNIT_SPS || kind === UNIT_PPS;
    if (set && ![...sps, ...pps].some((sealed) => same(sealed, unit))) throw new Refusal("e.copyDecoder");
    const names = [UNIT_SLICE, UNIT_PARTITION, UNIT_IDR].includes(kind);
    if (names && !named.has(unitNumbers(unit, 1, 3)[2])) throw new Refusal("e.copyDecoder");
  }
}

function checkTimes(copy, track, rows) {
  for (const [number, place] of rows) {
    const [sample, row] = [copy.samples[number], track.rows[place]];
    const [n, d] = track.clock(track.timeOf(row));
    if (sample.pts * d !== n * BigInt(copy.scale)) throw new Refusal("e.copyTimes");
    if (sample.key !== Boolean(row.flags & FLAG_KEY) || sample.size !== row.size) throw new Refusal("e.copyPicture");
  }
  rows.track = track;
}

/** Read all samples in the order of their bytes; refuse one that is not as it must be. */
async function checkSamples(source, movie, rows, digests, original) {
  const { lengthSize } = original;
  const named = namedBy(original);
  const order = movie.flatMap((track, at) => track.samples.map((sample) => ({ sample, sound: at > 0 })));
  for (const { sample, sound } of order.sort((a, b) => a.sample.at - b.sample.at || a.sample.size - b.sample.size)) {
    const bytes = await source.read(sample.size);
    if (bytes.length !== sample.size) throw new Refusal("e.copyShape");
    if (sound) continue;
    if (!rows.has(sample.number)) {
      const kinds = unitKinds(bytes, lengthSize);
      if (!bytes.length || kinds.some((kind) => kind !== UNIT_SLICE && kind !== UNIT_IDR)) throw new Refusal("e.copyDecoder");
      continue;
    }
    if (hex(sha256(bytes)) !== digests.get(rows.track.rows[rows.get(sample.number)])) throw new Refusal("e.copyPicture");
    checkCopiedUnits(sampleUnits(bytes, lengthSize), original, named);
    if (rows.has(sample.number - 1)) continue;
    if (unitKinds(bytes, lengthSize).find((kind) => kind >= UNIT_SLICE && kind <= UNIT_IDR) !== UNIT_IDR) throw new Refusal("e.copyDecoder");
  }
  if (!source.ended) throw new Refusal("e.copyShape");
}

const unitKinds = (bytes, lengthSize) => sampleUnits(bytes, lengthSize).map((unit) => unit[0] & 31);

function sampleUnits(bytes, lengthSize) {
  const units = [];
  for (let at = 0; at < bytes.length; ) {
    const size = bigEndian(bytes.subarray(at, at + lengthSize));
    at += lengthSize;
    if (!size || at + size > bytes.length) throw new Refusal("e.copyDecoder");
    units.push(bytes.subarray(at, at + size));
    at += size;
  }
  return units;
}

/** Return how many pictures of how many are the original's, and when, in fractions of seconds of the copy. */
function spansOf(movie, rows) {
  const [copy] = movie;
  const scale = BigInt(copy.scale);
  const shown = copy.samples.slice().sort((a, b) => (a.pts < b.pts ? -1 : a.pts > b.pts ? 1 : Number(a.lasts - b.lasts) || a.number - b.number));
  const last = shown.at(-1).pts + shown.at(-1).lasts;
  const spans = [];
  shown.forEach((sample, at) => {
    const span = [sample.pts, shown[at + 1]?.pts ?? last];
    const kind = rows.has(sample.number) ? "proven" : "altered";
    if (spans.at(-1)?.kind === kind) spans.at(-1).to = span[1];
    else spans.push({ kind, from: span[0], to: span[1] });
  });
  const fractions = spans.map(({ kind, from, to }) => ({ kind, from: [from, scale], to: [to, scale] }));
  return { copied: rows.size, pictures: shown.length, spans: fractions, sounds: movie.length - 1 };
}

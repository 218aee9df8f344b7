// Rows of a track table: tracks, packets, the clock they run by (format, 3.2 and 11.2). Times are BigInt.

const ROW_BYTES = 56;
const UNTOLD = -(2n ** 63n);
const FLAG_KEY = 1;
const FLAG_SHARED = 4;
const TRANSPORT = ["mpegts", "m2ts"];
const PTS_TURN = 2n ** 33n;

/** Read payloads of packet leaves. */
function parseRows(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const rows = [];
  for (let at = 0; at < bytes.length; at += ROW_BYTES) {
    const [pts, dts, duration] = [32, 40, 48].map((offset) => view.getBigInt64(at + offset));
    const leaf = view.getBigUint64(at + 8);
    const size = view.getBigUint64(at + 24);
    rows.push({
      track: view.getUint32(at), flags: view.getUint32(at + 4), leaf: Number(leaf), offset: view.getUint32(at + 16),
      leaves: view.getUint32(at + 20), size: Number(size), pts, dts, duration,
      time: pts === UNTOLD ? dts : pts,
      lasts: duration > 0n ? duration : 0n,
      exact: leaf <= 2n ** 53n && size <= 2n ** 53n,
    });
  }
  return rows;
}

/** Fractions of BigInt [numerator, denominator], denominator positive. */
const fractionLess = (a, b) => a[0] * b[1] < b[0] * a[1];
const fractionMinus = (a, b) => [a[0] * b[1] - b[0] * a[1], a[1] * b[1]];
const floorOf = ([n, d]) => (n >= 0n || n % d === 0n ? n / d : n / d - 1n);
const secondsOf = ([n, d]) => Number((n * 1000000n) / d) / 1e6;
const leastFraction = (all) => all.reduce((a, b) => (fractionLess(b, a) ? b : a));

function parseTimeBase(value) {
  const match = /^([1-9][0-9]{0,19})\/([1-9][0-9]{0,19})$/.exec(textOf(value));
  if (!match) throw new Refusal("e.malformed", { what: "track" });
  return lowest(BigInt(match[1]), BigInt(match[2]));
}

/** Return a fraction of positive numbers in lowest terms. */
function lowest(n, d) {
  let [a, b] = [n, d];
  while (b) [a, b] = [b, a % b];
  return [n / a, d / a];
}

/** Put proven leaves together into tracks; `indices` are those of fields, then of rows; `gaps`: rows may lack. */
function tracksOf(fields, rows, indices, gaps = false) {
  const tracks = new Map();
  fields.forEach((field, at) => {
    const got = members(field, "name track value");
    const number = smallInteger(got.track);
    if (!tracks.has(number)) tracks.set(number, { number, names: [], values: {}, rows: [] });
    const track = tracks.get(number);
    const wanted = ["decoder", "display", "edits", "extent"][track.names.length];
    if (got.name !== wanted || (track.names.length && indices[at] !== track.place + 1)) throw new Refusal("e.malformed", { what: "track" });
    track.names.push(wanted);
    track.values[wanted] = got.value;
    track.place = indices[at];
  });
  rows.forEach((row, at) => {
    const track = tracks.get(row.track);
    const index = indices[fields.length + at];
    if (!track || !row.exact) throw new Refusal("e.malformed", { what: "rows" });
    if (!gaps && track.rows.length && index !== track.rowPlace + 1) throw new Refusal("e.packetsMissing");
    track.rows.push(row);
    track.rowPlace = index;
  });
  const numbers = [...tracks.keys()];
  const found = [...tracks.values()].map(finishedTrack);
  const ordered = numbers.every((number, at) => at === 0 || numbers[at - 1] < number);
  if (!found.length || !ordered || found.some((track) => track.container !== found[0].container)) throw new Refusal("e.malformed", { what: "track" });
  return found;
}

function finishedTrack({ number, names, values, rows }) {
  if (names.length < 2 || !rows.length) throw new Refusal("e.malformed", { what: "track" });
  const { decoder, display } = values;
  const edits = names.includes("edits") ? listOf(values.edits) : null; // null: not shown
  const extent = values.extent ?? null;
  if (!isObject(decoder) || !isObject(display) || !(extent === null || isObject(extent))) throw new Refusal("e.malformed", { what: "track" });
  const [container, media, codec] = [decoder.container, decoder.media, decoder.codec].map(textOf);
  if (container.endsWith(", incomplete")) throw new Refusal("e.incomplete");
  if (rows.some((row) => row.time === UNTOLD)) throw new Refusal("e.malformed", { what: "track" });
  const base = parseTimeBase(decoder.time_base);
  const track = { number, decoder, display, edits, extent, rows, container, media, codec, base };
  const first = rows[0].time;
  const turn = (time) => ((((time - first + PTS_TURN / 2n) % PTS_TURN) + PTS_TURN) % PTS_TURN) - PTS_TURN / 2n;
  track.timeOf = TRANSPORT.includes(container) ? (row) => first + turn(row.time) : (row) => row.time;
  track.played = rows.filter((row) => media !== "video" || track.timeOf(row) >= track.timeOf(rows[0]));
  const shift = shiftOf(track);
  track.clock = (time) => fractionMinus([time * base[0], base[1]], shift);
  const begins = track.played.map((row) => track.timeOf(row));
  const ends = track.played.map((row) => track.timeOf(row) + row.lasts);
  const least = begins.reduce((a, b) => (a < b ? a : b));
  const most = ends.reduce((a, b) => (a > b ? a : b));
  track.span = [track.clock(least), track.clock(most)];
  return track;
}

/** Return what the edit list takes from every time, a fraction of seconds. */
function shiftOf(track) {
  const edits = (track.edits ?? []).map((edit) => members(edit, "duration media_time rate time_base"));
  let empty = [0n, 1n];
  if (edits.length === 2 && edits[0].media_time === "-1") {
    const [n, d] = parseTimeBase(edits[0].time_base);
    empty = [bigInteger(edits.shift().duration) * n, d];
  }
  if (!edits.length) return [0n, 1n];
  const begin = bigInteger(edits[0].media_time, -(2n ** 63n), I64_MAX);
  if (edits.length > 1 || begin < 0n || edits[0].rate !== "65536") throw new Refusal("e.malformed", { what: "edits" });
  return fractionMinus([begin * track.base[0], track.base[1]], empty);
}

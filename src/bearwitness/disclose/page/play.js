// The playable file of a clip: which container, and what it is made of besides its packets (format, 11.3).

/** Return {head, before(n), tail} for packets in the order of their bytes, null where the rules have no answer. */
function planOf(tracks, order) {
  const writers = {
    mp4: planMp4, mov: planMp4, matroska: planMatroska, webm: planMatroska, avi: planAvi,
    wav: planWav, rf64: planWav, bw64: planWav, mpegts: planTransport, m2ts: planTransport,
  };
  const known = Object.hasOwn(writers, tracks[0].container);
  if (!known || !tracks.every((track) => ["video", "audio"].includes(track.media))) return null;
  try {
    return writers[tracks[0].container](tracks, order);
  } catch (error) {
    if (error instanceof RangeError || error instanceof Refusal) return null;
    throw error;
  }
}

const NOTHING = new Uint8Array();

function fitting(value, low, high) {
  const number = BigInt(value);
  if (number < low || number >= high) throw new RangeError("a number does not fit its field");
  return number;
}

/** Return big-endian unsigned numbers of `width` bytes; throw RangeError for what does not fit. */
function unsigned(width, ...values) {
  const bytes = new Uint8Array(width * values.length);
  values.forEach((value, n) => {
    let rest = fitting(value, 0n, 1n << BigInt(8 * width));
    for (let at = width - 1; at >= 0; at -= 1, rest >>= 8n) bytes[n * width + at] = Number(rest & 0xffn);
  });
  return bytes;
}

/** Return big-endian signed numbers of `width` bytes. */
function signed(width, ...values) {
  const half = 1n << BigInt(8 * width - 1);
  return unsigned(width, ...values.map((value) => BigInt.asUintN(8 * width, fitting(value, -half, half))));
}

/** Return little-endian unsigned numbers of 32 bits. */
function littleWords(...values) {
  return joined(...values.map((value) => unsigned(4, value).reverse()));
}

const zeros = (length) => new Uint8Array(length);
const ascii = (text) => utf8(text);

/** Return numerator and denominator of a display's `n/d` or `n`. */
function displayFraction(value) {
  const match = /^(0|[1-9][0-9]{0,19})(?:\/([1-9][0-9]{0,19}))?$/.exec(typeof value === "string" ? value : "");
  if (!match) throw new RangeError("a number of a display is malformed");
  return [BigInt(match[1]), BigInt(match[2] ?? 1)];
}

/** Return a list of `count` integers, or null for none. */
function displayNumbers(value, count) {
  if ((value ?? null) === null) return null;
  const numbers = listOf(value).map((number) => bigInteger(number, -(2n ** 63n), I64_MAX));
  if (numbers.length !== count) throw new RangeError("a list of numbers of a display has the wrong length");
  return numbers;
}

const decoderNumber = (track, name) => bigInteger(track.decoder[name] ?? "0");
const extradataOf = (track) => bytesOf(track.decoder.extradata);
const originOf = (tracks) => leastFraction(tracks.map((track) => track.span[0]));

/** Return equal neighbours of `values` as [count, value]. */
function runsOf(values) {
  const runs = [];
  for (const value of values) {
    if (runs.length && runs.at(-1)[1] === value) runs.at(-1)[0] += 1;
    else runs.push([1, value]);
  }
  return runs;
}

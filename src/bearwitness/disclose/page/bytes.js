// Bytes and refusals: what every other script here stands on. Nothing here decides anything.

/** What does not hold: `key` names a sentence in texts.json, `args` fill its gaps. */
class Refusal extends Error {
  constructor(key, args = {}) {
    super(key);
    this.key = key;
    this.args = args;
  }
}

/** Return the result of `work`, or throw a Refusal named `key` where it throws anything. */
function orRefuse(key, args, work) {
  try {
    return work();
  } catch {
    throw new Refusal(key, args);
  }
}

const utf8 = (text) => new TextEncoder().encode(text);

/** Return the text of UTF-8 bytes; throw for any other bytes. A byte order mark is kept: it is never ours. */
const fromUtf8 = (bytes) => new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);

/** Return one array of all bytes of `parts`. */
const joined = (...parts) => joinedList(parts);

/** As joined(), for lists longer than a call can have arguments: some 100,000. */
function joinedList(parts) {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Say whether two byte arrays are equal. */
function same(a, b) {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}

/** Order two byte arrays of one length: negative, 0 or positive. */
function compared(a, b) {
  const at = a.findIndex((byte, place) => byte !== b[place]);
  return at < 0 ? 0 : a[at] - b[at];
}

const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/** Cut `bytes` into pieces of `length`; the last may be shorter. */
function pieces(bytes, length) {
  const cut = [];
  for (let at = 0; at < bytes.length; at += length) cut.push(bytes.subarray(at, at + length));
  return cut;
}

/** Return big-endian numbers of 32 bits; refuse a rest. */
function words32(bytes) {
  if (bytes.length % 4) throw new Refusal("e.malformed", { what: "cut numbers" });
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from({ length: bytes.length / 4 }, (_, at) => view.getUint32(4 * at));
}

/** Return the big-endian number in up to 6 bytes. */
const bigEndian = (bytes) => bytes.reduce((value, byte) => value * 256 + byte, 0);

const URL_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const STANDARD_ALPHABET = URL_ALPHABET.slice(0, 62) + "+/";

function reversed(alphabet) {
  const values = new Int8Array(128).fill(-1);
  for (let at = 0; at < 64; at += 1) values[alphabet.charCodeAt(at)] = at;
  return values;
}
const URL_VALUES = reversed(URL_ALPHABET);
const STANDARD_VALUES = reversed(STANDARD_ALPHABET);

/** Decode base64 without padding; throw for any text that is not the canonical encoding of its bytes. */
function decodeSixes(text, values) {
  const rest = text.length % 4;
  if (rest === 1) throw new Error("length");
  const bytes = new Uint8Array(Math.floor((text.length * 3) / 4));
  let bits = 0;
  let held = 0;
  let out = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    const value = code < 128 ? values[code] : -1;
    if (value < 0) throw new Error("alphabet");
    bits = ((bits << 6) | value) & 0xffff;
    held += 6;
    if (held >= 8) {
      held -= 8;
      bytes[out] = (bits >> held) & 0xff;
      out += 1;
    }
  }
  if (held && bits & ((1 << held) - 1)) throw new Error("bits left over");
  return bytes;
}

function encodeSixes(bytes, alphabet) {
  let text = "";
  for (let at = 0; at < bytes.length; at += 3) {
    const three = (bytes[at] << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    const shown = Math.min(4, bytes.length - at + 1);
    for (let n = 0; n < shown; n += 1) text += alphabet[(three >> (18 - 6 * n)) & 63];
  }
  return text;
}

const toB64url = (bytes) => encodeSixes(bytes, URL_ALPHABET);

/** Return standard base64 with padding, as signed notes have it. */
function toB64(bytes) {
  const text = encodeSixes(bytes, STANDARD_ALPHABET);
  return text + "=".repeat((4 - (text.length % 4)) % 4);
}

/** Return the bytes of standard, padded, canonical base64. */
function fromB64(text) {
  return orRefuse("e.malformed", { what: "base64" }, () => {
    const bare = text.replace(/={1,2}$/, "");
    if (text.length % 4 || text.length - bare.length !== (4 - (bare.length % 4)) % 4) throw new Error("padding");
    return decodeSixes(bare, STANDARD_VALUES);
  });
}

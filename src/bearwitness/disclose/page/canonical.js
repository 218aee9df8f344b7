// Canonical JSON, strict both ways (format, 1.1): parse, write again, refuse what is not byte for byte equal.

const DEPTH_MAX = 32;

/** Return the canonical text of `value`; refuse what canonical JSON can not hold. */
function canonicalText(value, depth = 1) {
  if (value === null || value === true || value === false) return String(value);
  if (typeof value === "string") {
    if (!value.isWellFormed()) throw new Refusal("e.malformed", { what: "surrogate" });
    return JSON.stringify(value);
  }
  if (typeof value !== "object") throw new Refusal("e.notCanonical");
  if (depth > DEPTH_MAX) throw new Refusal("e.malformed", { what: "too deep" });
  if (Array.isArray(value)) return `[${value.map((part) => canonicalText(part, depth + 1)).join(",")}]`;
  const names = Object.keys(value).sort();
  if (!names.every((name) => /^[\x20-\x7e]+$/.test(name))) throw new Refusal("e.notCanonical");
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonicalText(value[name], depth + 1)}`).join(",")}}`;
}

const canonicalBytes = (value) => utf8(canonicalText(value));

/** Parse canonical bytes; refuse any other. */
function parseCanonical(bytes) {
  const text = orRefuse("e.notCanonical", {}, () => fromUtf8(bytes));
  const value = orRefuse("e.notCanonical", {}, () => JSON.parse(text));
  if (canonicalText(value) !== text) throw new Refusal("e.notCanonical");
  return value;
}

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

/** Return `value` if it is an object with exactly the named members, and perhaps the optional ones. */
function members(value, names, optional = "") {
  if (!isObject(value)) throw new Refusal("e.malformed", { what: `{${names}}` });
  const required = names.split(" ").filter(Boolean);
  const known = new Set([...required, ...optional.split(" ")]);
  const complete = required.every((name) => Object.hasOwn(value, name));
  if (!complete || !Object.keys(value).every((name) => known.has(name))) throw new Refusal("e.malformed", { what: `{${names}}` });
  return value;
}

function textOf(value) {
  if (typeof value !== "string") throw new Refusal("e.malformed", { what: "not text" });
  return value;
}

function listOf(value) {
  if (!Array.isArray(value)) throw new Refusal("e.malformed", { what: "not list" });
  return value;
}

const U64_MAX = 2n ** 64n - 1n;
const I64_MAX = 2n ** 63n - 1n;

/** Return the BigInt of a decimal text within `low` … `high`. */
function bigInteger(value, low = 0n, high = U64_MAX) {
  if (typeof value !== "string" || !/^(0|-?[1-9][0-9]{0,38})$/.test(value)) throw new Refusal("e.malformed", { what: "not number" });
  const number = BigInt(value);
  if (number < low || number > high) throw new Refusal("e.malformed", { what: "range" });
  return number;
}

/** Return the Number of a decimal text within 0 … `high`, which a double holds exactly. */
const smallInteger = (value, high = 2 ** 32 - 1) => Number(bigInteger(value, 0n, BigInt(high)));

/** Return the bytes of strict base64url; refuse another length than `length`, if given. */
function bytesOf(value, length) {
  const bytes = orRefuse("e.malformed", { what: "base64" }, () => decodeSixes(textOf(value), URL_VALUES));
  if (length !== undefined && bytes.length !== length) throw new Refusal("e.malformed", { what: "length" });
  return bytes;
}

const hashList = (value) => listOf(value).map((hash) => bytesOf(hash, 32));

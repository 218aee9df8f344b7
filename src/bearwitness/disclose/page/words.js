// Puts sentences into words, and foreign text into a form that can not hide, reverse or pretend.

const LANGUAGES = { en: "English", ru: "Русский", fr: "Français" };
const chosenLanguage = () => {
  const wanted = (navigator.languages ?? []).map((tag) => tag.slice(0, 2)).find((tag) => tag in LANGUAGES);
  return wanted ?? "en";
};
let language = chosenLanguage();

/** Return the sentence `key` in the reader's language, its gaps filled from `args` (texts or {key, args}). */
function say(key, args = {}) {
  return TEXTS[key][language].replace(/\{([a-z0-9]+)\}/g, (gap, name) => {
    const value = args[name];
    if (value === undefined) return gap;
    return isObject(value) ? say(value.key, value.args) : printable(String(value));
  });
}

/** Return foreign `text` with everything invisible written as its code. */
function printable(text, limit = 2000) {
  const code = (char) => `\\u{${char.codePointAt(0).toString(16)}}`;
  const shown = text.replace(/[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu, code);
  return shown.length > limit ? `${shown.slice(0, limit)}…` : shown;
}

/** Return a JSON value for people, without braces and quotes. */
function inWords(value) {
  if (Array.isArray(value)) return value.map(inWords).join("; ");
  if (isObject(value)) return Object.entries(value).map(([name, member]) => `${name} ${inWords(member)}`).join(", ");
  return value === null ? "" : String(value);
}

/** Return nanoseconds since 1970 (BigInt) for people, in UTC. */
function moment(nanoseconds) {
  const thousand = 1000000000n;
  const rest = ((nanoseconds % thousand) + thousand) % thousand;
  const date = new Date(Number((nanoseconds - rest) / thousand) * 1000);
  if (Number.isNaN(date.getTime())) return `${nanoseconds} ns`;
  const text = date.toISOString().slice(0, -5).replace("T", " ");
  return `${text}${rest ? `.${String(rest).padStart(9, "0")}` : ""} UTC`;
}

/** Return seconds as hours, minutes, seconds and milliseconds. */
function clockText(seconds) {
  const all = Math.round(Math.abs(seconds) * 1000);
  const two = (n) => String(Math.floor(n)).padStart(2, "0");
  const rest = `${two((all / 60000) % 60)}:${two((all / 1000) % 60)}.${String(all % 1000).padStart(3, "0")}`;
  return `${seconds < 0 ? "-" : ""}${Math.floor(all / 3600000)}:${rest}`;
}

/** From when to when a file system can date: 64 bits of seconds, in nanoseconds. */
const FILE_TIMES = [-(2n ** 63n) * 1000000000n, 2n ** 63n * 1000000000n - 1n];

/** Return [name, text] of the fields shown of an item, but those that are trees; refuse malformed ones. */
function describedFields(fields) {
  const described = [];
  for (const name of [...fields.keys()].sort()) {
    const value = fields.get(name);
    if (name === "content" || name === "tracks") continue;
    if (name === "path") described.push([name, pathText(bytesOf(value))]);
    else if (name === "mtime") described.push([name, moment(bigInteger(value, ...FILE_TIMES))]);
    else if (name === "sha256" || name === "md5") described.push([name, hex(bytesOf(value))]);
    else described.push([name, inWords(value)]);
  }
  return described;
}

/** Return a path for people; bytes that are not UTF-8 are shown by their numbers. */
function pathText(bytes) {
  try {
    return fromUtf8(bytes);
  } catch {
    return Array.from(bytes, (byte) => (byte < 128 ? String.fromCharCode(byte) : `\\x${byte.toString(16)}`)).join("");
  }
}

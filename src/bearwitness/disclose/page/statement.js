// What release.json says, read strictly (format, 11, 11.1, 11.4, 11.5, 11.8). Nothing is proven here.

const STATEMENT_NAME = "release.json";
const SIGNATURE_NAME = "release.sig";
const STATEMENT_BYTES_MAX = 2 ** 29; // more text than that a browser can not hold in one piece
const FILE_NAME = /^(exhibits\/[0-9]{2,6}(\.[a-z0-9]{1,8})?|[A-Z]{3,12}\.txt|index\.html)$/;
const SEGMENT_BYTES_MAX = 65536;

/** Read the bytes of release.json. */
function parseRelease(bytes) {
  const value = parseCanonical(bytes);
  const version = isObject(value) ? ["1", "2", "3"].indexOf(value.v) + 1 : 0;
  const second = version > 1;
  const names = `deliveries files type v vault${second ? " account conditions statements" : ""}`;
  const got = members(value, names, version > 2 ? "answers escrow ranges" : "");
  if (got.type !== "release" || !version) throw new Refusal("e.version");
  const files = listOf(got.files).map(parseListed);
  if (!files.every((file, at) => at === 0 || files[at - 1].name < file.name)) throw new Refusal("e.malformed", { what: "file order" });
  const deliveries = listOf(got.deliveries).map((delivery) => parseDelivery(delivery, version));
  const answers = Object.hasOwn(got, "answers") ? parseAnswers(got.answers) : [];
  if (!deliveries.length && !answers.length) throw new Refusal("e.malformed", { what: "no delivery" });
  return {
    vault: parseLogKey(got.vault),
    files,
    deliveries,
    statements: second ? listOf(got.statements).map(parseStatement) : [],
    conditions: second ? parseConditions(got.conditions) : {},
    account: second ? parseAccount(got.account) : null,
    answers,
    escrow: Object.hasOwn(got, "escrow") ? parseEscrow(got.escrow) : null,
    ranges: Object.hasOwn(got, "ranges") ? parseRanges(got.ranges) : [],
  };
}

/** Read what is told in ranges: name, from, to. */
function parseRanges(value) {
  const told = Object.entries(members(value, "", "bytes items sealed seconds"));
  if (!told.length) throw new Refusal("e.malformed", { what: "ranges" });
  return told.map(([name, one]) => {
    const span = members(one, "from to");
    const [from, to] = [bigInteger(span.from), bigInteger(span.to)];
    if (from > to) throw new Refusal("e.malformed", { what: "ranges" });
    return { name, from: String(from), to: String(to) };
  });
}

function parseEscrow(value) {
  const digest = textOf(members(value, "sha256").sha256);
  if (!/^[0-9a-f]{64}$/.test(digest)) throw new Refusal("e.malformed", { what: "escrow" });
  return digest;
}

function parseListed(value) {
  const got = members(value, "bytes name sha256");
  if (!FILE_NAME.test(textOf(got.name)) || !/^[0-9a-f]{64}$/.test(textOf(got.sha256))) throw new Refusal("e.malformed", { what: "listed" });
  return { name: got.name, size: Number(bigInteger(got.bytes)), sha256: got.sha256 };
}

function parseDelivery(value, version) {
  const got = members(value, `entry import items log${version > 1 ? " withheld" : ""}`);
  let imported = null;
  if (got.import !== null) {
    const inner = members(got.import, "entry log");
    imported = { entry: parseEntry(inner.entry), log: parseLog(inner.log) };
  }
  return {
    entry: parseEntry(got.entry),
    log: parseLog(got.log),
    imported,
    items: listOf(got.items).map((item) => parseItem(item, version)),
    withheld: (got.withheld ?? null) === null ? null : listOf(got.withheld).map(parseWithheld),
  };
}

function parseEntry(value) {
  const got = members(value, "ciphertext effect fields salt shown");
  return {
    ciphertext: bytesOf(got.ciphertext, 32),
    effect: bytesOf(got.effect, 32),
    fields: treeOf(got.fields, "entry-field", [ENTRY_HEIGHT]),
    salt: bytesOf(got.salt, 32),
    shown: parseLeaves(got.shown),
  };
}

function parseLeaves(value) {
  const leaves = listOf(value).map((member) => {
    const got = members(member, "index path payload salt");
    const payload = members(got.payload, "name value");
    return {
      name: textOf(payload.name),
      value: payload.value,
      payload: canonicalBytes(payload),
      index: smallInteger(got.index, 31),
      salt: bytesOf(got.salt, 32),
      path: hashList(got.path),
    };
  });
  if (new Set(leaves.map((leaf) => leaf.name)).size !== leaves.length) throw new Refusal("e.malformed", { what: "twice" });
  return leaves;
}

function parseLog(value) {
  const got = members(value, "further key proof stamps");
  const further = listOf(got.further).map((member) => parseStamped(members(member, "proof stamps")));
  return { key: parseLogKey(got.key), proof: parseStamped(got), further };
}

function parseStamped(got) {
  return { proof: textOf(got.proof), stamps: listOf(got.stamps).length };
}

function parseItem(value, version) {
  const names = `content fields file index path root salt${version > 1 ? " clips" : ""}`;
  const got = members(value, names, version > 2 ? "redacted stills" : "");
  const copies = Object.hasOwn(got, "redacted") ? listOf(got.redacted).map(parseCopy) : [];
  if (Object.hasOwn(got, "redacted") && !copies.length) throw new Refusal("e.malformed", { what: "copies" });
  const stills = Object.hasOwn(got, "stills") ? listOf(got.stills).map(parseStill) : [];
  if (Object.hasOwn(got, "stills") && !stills.length) throw new Refusal("e.malformed", { what: "stills" });
  if ((got.file === null) !== (got.content === null)) throw new Refusal("e.malformed", { what: "file without" });
  return {
    index: smallInteger(got.index),
    path: hashList(got.path),
    salt: bytesOf(got.salt, 32),
    root: bytesOf(got.root, 32),
    fields: parseLeaves(got.fields),
    file: got.file === null ? null : textOf(got.file),
    content: got.content === null ? null : parseContent(got.content),
    clips: version > 1 ? listOf(got.clips).map(parseClip) : [],
    stills,
    copies,
  };
}

function parseContent(value) {
  const got = members(value, "first left lengths right salts");
  const lengths = words32(bytesOf(got.lengths));
  const salts = bytesOf(got.salts);
  if (!lengths.length || salts.length !== 32 * lengths.length) throw new Refusal("e.malformed", { what: "salts" });
  const fits = (length) => length <= SEGMENT_BYTES_MAX && (length > 0 || lengths.length === 1);
  if (!lengths.every(fits)) throw new Refusal("e.malformed", { what: "segment length" });
  return {
    first: smallInteger(got.first),
    lengths,
    salts: pieces(salts, 32),
    left: hashList(got.left),
    right: hashList(got.right),
  };
}

function parseClip(value) {
  const got = members(value, "playable segments table");
  return {
    playable: got.playable === null ? null : textOf(got.playable),
    table: parseTable(got.table),
    segments: parseSegments(got.segments),
  };
}

function parseSegments(value) {
  const got = members(value, "file hashes lengths runs salts");
  const lengths = words32(bytesOf(got.lengths));
  if (!lengths.every((length) => length > 0 && length <= SEGMENT_BYTES_MAX)) throw new Refusal("e.malformed", { what: "segment length" });
  return { proof: parseSeveral(got, lengths.length), file: textOf(got.file), lengths };
}

function parseTable(value) {
  const got = members(value, "fields hashes packets runs salts");
  const fields = listOf(got.fields);
  const packets = bytesOf(got.packets);
  if (packets.length % ROW_BYTES) throw new Refusal("e.malformed", { what: "rows" });
  return { proof: parseSeveral(got, fields.length + packets.length / ROW_BYTES), fields, packets };
}

/** Read several leaves of one tree that are shown together: indices, salts, and the hashes to the root. */
function parseSeveral(got, count) {
  const salts = bytesOf(got.salts);
  const hashes = bytesOf(got.hashes);
  const pairs = words32(bytesOf(got.runs));
  if (!count || salts.length !== 32 * count || hashes.length % 32 || pairs.length % 2) throw new Refusal("e.malformed", { what: "salts" });
  const indices = [];
  let end = -1;
  for (let at = 0; at < pairs.length; at += 2) {
    const [first, length] = [pairs[at], pairs[at + 1]];
    if (first <= end || !length || indices.length + length > count) throw new Refusal("e.malformed", { what: "runs" });
    for (let n = 0; n < length; n += 1) indices.push(first + n);
    end = first + length;
  }
  if (indices.length !== count) throw new Refusal("e.malformed", { what: "runs" });
  return { indices, salts: pieces(salts, 32), hashes: pieces(hashes, 32) };
}

// The checks that make up a verification, on parsed values (format, 4, 6, 11). Failure throws.

const ITEM_SLOTS = slots("path size mtime stat sha256 content tracks fate origin md5 xattrs", 0);
const COMMON_SLOTS = slots("kind time by tool note", 0);
const ENTRY_SLOTS = {
  sealed: slots("delivery items bytes losses source custody late instalment descriptor complete", 8),
  imported: slots("device checkpoint deliveries", 8),
  derived: slots("item delivery results redaction", 8),
  still: slots("item delivery still", 8),
};

function slots(names, first) {
  return new Map(names.split(" ").map((name, at) => [name, first + at]));
}

/** Return the hash of an entry's leaf in its log. */
function entryLeaf(entry) {
  const payload = {
    ciphertext: toB64url(entry.ciphertext),
    effect: toB64url(entry.effect),
    fields: treeJson(entry.fields),
  };
  return hashLeaf("entry", entry.salt, canonicalBytes(payload));
}

/** Return shown fields, name to value, once each is proven in its own slot under `root`. */
function provenFields(shown, kind, known, height, root) {
  const values = new Map();
  for (const leaf of shown) {
    if (known.get(leaf.name) !== leaf.index) throw new Refusal("e.slot", { name: leaf.name });
    const found = rootFromPath(leaf.index, height, hashLeaf(kind, leaf.salt, leaf.payload), leaf.path);
    if (!same(found, root)) throw new Refusal("e.field", { name: leaf.name });
    values.set(leaf.name, leaf.value);
  }
  return values;
}

/** Return the proven fields of an entry that must be of `kind`. */
function entryFields(entry, kind) {
  const named = entry.shown.find((leaf) => leaf.name === "kind");
  if (named?.value !== kind) throw new Refusal("e.entryKind");
  const known = new Map([...COMMON_SLOTS, ...ENTRY_SLOTS[kind]]);
  return provenFields(entry.shown, "entry-field", known, ENTRY_HEIGHT, entry.fields.root);
}

/** Return every proof of a delivery with its log's key. */
function allProofs(delivery) {
  const logs = [delivery.log, ...(delivery.imported ? [delivery.imported.log] : [])];
  return logs.flatMap((log) => [log.proof, ...log.further].map((stamped) => ({ key: log.key, ...stamped })));
}

async function checkLogOf(entry, log) {
  const leaf = entryLeaf(entry);
  const checkpoint = await checkLogProof(log.proof.proof, leaf, log.key);
  for (const further of log.further) await checkLogProof(further.proof, leaf, log.key);
  return checkpoint;
}

/** Check that a delivery's entry is in a log the vault signed, perhaps by import; return both checkpoints. */
async function checkLog(delivery, vault) {
  const own = await checkLogOf(delivery.entry, delivery.log);
  if (!delivery.imported) {
    if (delivery.log.key.text !== vault.text) throw new Refusal("e.otherVault");
    return { own, vault: own };
  }
  const { entry, log } = delivery.imported;
  if (log.key.text !== vault.text) throw new Refusal("e.otherVault");
  const fields = entryFields(entry, "imported");
  if (fields.get("device") !== delivery.log.key.text) throw new Refusal("e.import");
  const taken = parseCheckpoint(parseNote(utf8(textOf(fields.get("checkpoint")))).text);
  if (!sameCheckpoint(taken, own)) throw new Refusal("e.import");
  return { own, vault: await checkLogOf(entry, log) };
}

/** Return {id, leaf, fields} of an item once it is proven in its delivery, and its fields in their slots. */
function proveItem(item, tree) {
  const root = { kind: "item-field", height: ITEM_HEIGHT, root: item.root };
  const leaf = hashLeaf("item", item.salt, canonicalBytes(treeJson(root)));
  if (!same(rootFromPath(item.index, tree.height, leaf, item.path), tree.root)) throw new Refusal("e.item");
  const fields = provenFields(item.fields, "item-field", ITEM_SLOTS, ITEM_HEIGHT, item.root);
  const wanted = ["fate"];
  if (item.file !== null) wanted.push("content", "sha256", "size");
  if (item.clips.length) wanted.push("content", "tracks");
  if (item.stills.length) wanted.push("tracks");
  if (item.copies.some((copy) => copy.copied)) wanted.push("content", "tracks");
  const missing = wanted.find((name) => !fields.has(name));
  if (missing) throw new Refusal("e.mustShow", { name: missing });
  return { id: hex(leaf.subarray(0, 16)), leaf, fields };
}

/** Check that a hashed file is the sealed one, by size, SHA-256 and content tree. */
function checkContent(fields, content, size, hashed) {
  const tree = contentTree(fields.get("content"));
  const sealed = bigInteger(fields.get("size"));
  if (BigInt(size) !== sealed || BigInt(content.lengths.reduce((a, b) => a + b, 0)) !== sealed) throw new Refusal("e.size");
  if (hashed.sha256 !== hex(bytesOf(fields.get("sha256"), 32))) throw new Refusal("e.bytes");
  const root = rootFromRun(content.first, tree.height, hashed.leaves, content.left, content.right);
  if (!same(root, tree.root)) throw new Refusal("e.bytes");
}

// Signed notes, verifier keys, cosignatures, checkpoints, log proofs (C2SP signed-note, tlog-checkpoint, tlog-proof).

const LOG_KEY = 1;
const COSIGNER_KEY = 4;
const NOTE_BYTES_MAX = 64 * 1024;
const SIGNATURES_MAX = 64;
const TIME_MAX = 253402300799n; // 9999-12-31
const KEY_NAME = /^[^+\x00-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]{1,200}$/u;

/** Read a verifier key `name+hash+base64`. */
function parseKey(text) {
  const first = text.indexOf("+");
  const second = text.indexOf("+", first + 1);
  const name = text.slice(0, Math.max(first, 0));
  if (first < 0 || second < 0 || !KEY_NAME.test(name)) throw new Refusal("e.key");
  const raw = fromB64(text.slice(second + 1));
  if (raw.length !== 33 || ![LOG_KEY, COSIGNER_KEY].includes(raw[0])) throw new Refusal("e.key");
  const id = hex(sha256(utf8(`${name}\n`), raw).subarray(0, 4));
  if (text.slice(first + 1, second) !== id) throw new Refusal("e.key");
  return { name, algorithm: raw[0], public: raw.subarray(1), id, text, fingerprint: hex(sha256(utf8(text))) };
}

/** Read the key of a log, not of a cosigner. */
function parseLogKey(value) {
  const key = parseKey(textOf(value));
  if (key.algorithm !== LOG_KEY) throw new Refusal("e.key");
  return key;
}

/** Split the bytes of a note into its text and its signatures, which are not checked yet. */
function parseNote(bytes) {
  if (bytes.length > NOTE_BYTES_MAX) throw new Refusal("e.note");
  const whole = orRefuse("e.note", {}, () => fromUtf8(bytes));
  const gap = whole.lastIndexOf("\n\n");
  if (/[\x00-\x09\x0b-\x1f]/.test(whole) || gap < 0 || !whole.slice(gap + 2).endsWith("\n")) throw new Refusal("e.note");
  const lines = whole.slice(gap + 2, -1).split("\n");
  if (lines.length > SIGNATURES_MAX) throw new Refusal("e.note");
  return { text: whole.slice(0, gap + 1), signatures: lines.map(parseSignature) };
}

function parseSignature(line) {
  const rest = line.slice(2);
  const space = rest.indexOf(" ");
  const name = rest.slice(0, Math.max(space, 0));
  if (!line.startsWith("\u2014 ") || !KEY_NAME.test(name)) throw new Refusal("e.note");
  const raw = fromB64(rest.slice(space + 1));
  if (raw.length < 5) throw new Refusal("e.note");
  return { name, id: hex(raw.subarray(0, 4)), data: raw.subarray(4) };
}

/** Check all signatures of `key` in a note, at least one; return the time of a cosignature, else 0n. */
async function checkSignature(key, note) {
  const own = note.signatures.filter((signature) => signature.name === key.name && signature.id === key.id);
  if (!own.length) throw new Refusal("e.unsigned", { name: key.name });
  let latest = 0n;
  for (const { data } of own) {
    let time = 0n;
    let signature = data;
    let message = utf8(note.text);
    if (key.algorithm === COSIGNER_KEY) {
      time = data.subarray(0, 8).reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
      if (time > TIME_MAX) throw new Refusal("e.signature", { name: key.name });
      signature = data.subarray(8);
      message = joined(utf8(`cosignature/v1\ntime ${time}\n`), message);
    }
    if (!(await ed25519Holds(key.public, signature, message))) throw new Refusal("e.signature", { name: key.name });
    if (time > latest) latest = time;
  }
  return latest;
}

/** Say whether an Ed25519 signature holds. A browser without Ed25519 is told apart from a forged signature. */
async function ed25519Holds(publicKey, signature, message) {
  let key;
  try {
    key = await crypto.subtle.importKey("raw", publicKey, "Ed25519", false, ["verify"]);
  } catch (error) {
    if (error.name === "NotSupportedError") throw new Refusal("e.browser");
    return false;
  }
  return signature.length === 64 && crypto.subtle.verify("Ed25519", key, signature, message);
}

const LOG_NUMBER = /^(0|[1-9][0-9]{0,17})$/;

/** Read the text of a checkpoint: origin, size, root; extension lines are refused. */
function parseCheckpoint(text) {
  const lines = text.split("\n");
  if (lines.length !== 4 || lines[3] || !lines[0] || !LOG_NUMBER.test(lines[1])) throw new Refusal("e.checkpoint");
  const root = fromB64(lines[2]);
  if (root.length !== 32) throw new Refusal("e.checkpoint");
  return { origin: lines[0], size: BigInt(lines[1]), root };
}

const sameCheckpoint = (a, b) => a.origin === b.origin && a.size === b.size && same(a.root, b.root);

/** Return the checkpoint in a note once its signature by the log's `key` holds. */
async function readCheckpoint(note, key) {
  await checkSignature(key, note);
  const checkpoint = parseCheckpoint(note.text);
  if (checkpoint.origin !== key.name) throw new Refusal("e.checkpoint");
  return checkpoint;
}

const PROOF_HASHES_MAX = 63;

/** Read a log proof: index, hashes, the signed checkpoint. */
function parseLogProof(text) {
  const gap = text.indexOf("\n\n");
  const lines = text.slice(0, Math.max(gap, 0)).split("\n");
  const index = lines[1]?.startsWith("index ") ? lines[1].slice(6) : "";
  if (gap < 0 || lines[0] !== "c2sp.org/tlog-proof@v1" || !LOG_NUMBER.test(index)) throw new Refusal("e.logProof");
  if (lines.length - 2 > PROOF_HASHES_MAX) throw new Refusal("e.logProof");
  return { index: BigInt(index), hashes: lines.slice(2).map(fromB64), note: utf8(text.slice(gap + 2)) };
}

/** Check the checkpoint's signature and that the entry with hash `leaf` is in its log; return the checkpoint. */
async function checkLogProof(text, leaf, key) {
  const proof = parseLogProof(text);
  const checkpoint = await readCheckpoint(parseNote(proof.note), key);
  checkInclusion(proof.index, checkpoint.size, leaf, proof.hashes, checkpoint.root);
  return checkpoint;
}

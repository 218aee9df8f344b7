// What the reader got elsewhere and trusts: vault keys or fingerprints, cosigners, checkpoints (format, 11, step 10).

/** Read anchors: `text` holds a key or fingerprint in each line, `notes` are {name, bytes} of checkpoint files. */
function parseAnchors(text, notes) {
  const anchors = { vaults: [], cosigners: [], checkpoints: [] };
  for (const line of text.split("\n").map((part) => part.trim()).filter(Boolean)) {
    const fingerprint = line.replace(/[\s:]/g, "").toLowerCase();
    if (/^[0-9a-f]{64}$/.test(fingerprint)) {
      anchors.vaults.push(fingerprint);
      continue;
    }
    const key = parseKey(line);
    (key.algorithm === COSIGNER_KEY ? anchors.cosigners : anchors.vaults).push(
      key.algorithm === COSIGNER_KEY ? key : key.text,
    );
  }
  for (const { name, bytes } of notes) {
    const note = parseNote(bytes);
    anchors.checkpoints.push({ name, note, checkpoint: parseCheckpoint(note.text) });
  }
  return anchors;
}

/** Check everything that was given; set `report.anchored` if there is something, all holds, and bears what is shown. */
async function checkAnchors(shown, anchors, report) {
  const held = [];
  if (anchors.vaults.length) {
    const known = anchors.vaults.includes(shown.vault.text) || anchors.vaults.includes(shown.vault.fingerprint);
    report.add(known ? "ok" : "fail", 9, known ? "f.vaultKnown" : "f.vaultUnknown", { print: shown.vault.fingerprint });
    held.push(known);
  }
  for (const cosigner of anchors.cosigners) held.push(await checkCosigner(shown, cosigner, report));
  for (const known of anchors.checkpoints) held.push(await checkKnownCheckpoint(shown, known, report));
  report.anchored = held.length > 0 && held.every(Boolean);
  if (!held.length) report.add("note", 9, "f.noAnchor", { print: shown.vault.fingerprint });
  const keyKnown = anchors.vaults.length || anchors.checkpoints.some(({ checkpoint }) => checkpoint.origin === shown.vault.name);
  if (report.anchored && !keyKnown) report.anchored = withoutKey(shown, report);
}

/**
 * Say whether cosigners, and checkpoints of kits' logs, are enough for what is shown. They know a vault by its name alone,
 * and anybody can make a key of that name: they vouch for deliveries and items, not for what the key alone binds.
 */
function withoutKey(shown, report) {
  const items = shown.deliveries.flatMap((delivery) => delivery.items);
  const enough = !shown.answers.length && !items.some((item) => item.stills.length || item.copies.length);
  report.add("note", 9, enough ? "f.saidWithoutKey" : "f.shownWithoutKey", { print: shown.vault.fingerprint });
  return enough;
}

async function checkCosigner(shown, cosigner, report) {
  if (!shown.deliveries.length) {
    report.add("note", 8, "f.nothingCosigned", { name: cosigner.name });
    return false;
  }
  for (const [at, delivery] of shown.deliveries.entries()) {
    const times = [];
    for (const { key, proof } of allProofs(delivery)) {
      if (key.text !== shown.vault.text) continue;
      try {
        times.push(await checkSignature(cosigner, parseNote(parseLogProof(proof).note)));
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
      }
    }
    if (!times.length) {
      report.add("fail", 8, "f.notCosigned", { n: at + 1, name: cosigner.name });
      return false;
    }
    const first = times.reduce((a, b) => (a < b ? a : b));
    report.add("ok", 8, "f.cosigned", { n: at + 1, name: cosigner.name, time: moment(first * 1000000000n) });
  }
  return true;
}

async function checkKnownCheckpoint(shown, known, report) {
  if (!shown.deliveries.length) {
    report.add("note", 9, "f.nothingInCheckpoint", { name: known.name });
    return false;
  }
  try {
    for (const [at, delivery] of shown.deliveries.entries()) await checkSameTree(at + 1, delivery, known);
  } catch (error) {
    report.fail(9, "f.checkpointNot", { name: known.name }, error);
    return false;
  }
  report.add("ok", 9, "f.checkpoint", { name: known.name, size: String(known.checkpoint.size), log: known.checkpoint.origin });
  return true;
}

async function checkSameTree(n, delivery, known) {
  const proofs = allProofs(delivery).filter(({ key }) => key.name === known.checkpoint.origin);
  if (!proofs.length) throw new Refusal("e.notThisLog", { n });
  for (const { key } of proofs) await readCheckpoint(known.note, key);
  const heads = proofs.map(({ proof }) => parseCheckpoint(parseNote(parseLogProof(proof).note).text));
  const equals = heads.filter((head) => head.size === known.checkpoint.size);
  if (!equals.every((head) => sameCheckpoint(head, known.checkpoint))) throw new Refusal("e.fork");
  if (!equals.length) throw new Refusal("e.notThisCheckpoint", { n });
}

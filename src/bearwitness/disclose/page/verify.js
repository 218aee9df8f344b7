// Checks a release, step by step as the format counts them (11), and reports every finding.

/** Check the package (a map of files, archive.js) against anchors; return a Report, also for the worst package. */
async function verifyPackage(open, anchors, progress = async () => {}) {
  const report = new Report();
  try {
    const files = await open();
    const shown = await checkStatement(files, report, progress);
    checkListed(files, shown, report);
    const hashing = new Hashing(files, progress);
    try {
      await new Verification(files, shown, anchors, report, hashing).run();
    } finally {
      hashing.end();
    }
    report.finished = true;
  } catch (error) {
    report.fail(1, "f.stopped", {}, error);
  }
  return report;
}

async function readWhole(files, name, limit, progress) {
  const file = files.get(name);
  if (!file) throw new Refusal("e.missing", { name });
  if (file.blob.size > limit) throw new Refusal("e.tooLarge", { name });
  const bytes = await bytesOfBlob(file.blob); // read once: what is parsed is what was hashed
  const { sha256: digest } = await hashFile({ blob: new Blob([bytes]), crc: file.crc }, null, progress);
  return { bytes, digest };
}

/** Steps 1 and 2. */
async function checkStatement(files, report, progress) {
  const statement = await readWhole(files, STATEMENT_NAME, STATEMENT_BYTES_MAX, progress);
  const signature = await readWhole(files, SIGNATURE_NAME, NOTE_BYTES_MAX, progress);
  const shown = parseRelease(statement.bytes);
  report.add("ok", 1, "f.wellFormed");
  try {
    const note = parseNote(signature.bytes);
    await checkSignature(shown.vault, note);
    if (note.signatures.length !== 1) throw new Refusal("e.moreSignatures");
    if (note.text !== `bearwitness/1/release\n${statement.digest}\n`) throw new Refusal("e.otherStatement");
    report.add("ok", 2, "f.signed", { name: shown.vault.name });
  } catch (error) {
    report.fail(2, "f.notSigned", {}, error);
  }
  report.shown = shown;
  return shown;
}

/** Step 1, the files: exactly those listed are there. */
function checkListed(files, shown, report) {
  const listed = new Map(shown.files.map((file) => [file.name, file]));
  for (const name of [...files.keys()].sort()) {
    const expected = listed.has(name) || name === STATEMENT_NAME || name === SIGNATURE_NAME;
    if (!expected) report.add("fail", 1, "f.surplus", { name });
  }
  for (const [name, file] of listed) {
    if (!files.has(name)) report.add("fail", 1, "f.missing", { name });
    else if (files.get(name).blob.size !== file.size) report.add("fail", 1, "f.fileSize", { name });
  }
}

/** Have the files hashed in the order in which they will be asked for; what is not asked for is no finding. */
function expectFiles(shown, hashing) {
  const segmented = ({ segments }) => hashing.expect(segments.file, contentOf(segments));
  const plain = (...names) => names.filter((name) => name !== null).forEach((name) => hashing.expect(name, null));
  for (const item of shown.deliveries.flatMap(({ items }) => items)) {
    if (item.file !== null) hashing.expect(item.file, item.content);
    for (const clip of item.clips) {
      segmented(clip);
      plain(clip.playable);
    }
    for (const { file, picture } of item.stills) plain(file, picture);
    for (const { file, copied } of item.copies) {
      plain(file);
      if (copied) segmented(copied);
    }
  }
  plain(...shown.files.map(({ name }) => name));
}

const contentOf = ({ lengths, proof }) => ({ lengths, salts: proof.salts });

/** Steps 3 to 9 over one statement. */
class Verification {
  constructor(files, shown, anchors, report, hashing) {
    Object.assign(this, { files, shown, anchors, report, hashing, hashes: new Map() });
    this.there = new Set(shown.files.map((file) => file.name).filter((name) => files.has(name)));
    this.used = new Set();
    this.items = new Set();
    this.counts = [];
  }

  /** Do all steps, going on after a failure wherever something is left to check. */
  async run() {
    expectFiles(this.shown, this.hashing);
    const entries = this.shown.deliveries.map((delivery) => hex(entryLeaf(delivery.entry)));
    if (new Set(entries).size !== entries.length) this.report.add("fail", 3, "f.deliveryTwice");
    for (const [at, delivery] of this.shown.deliveries.entries()) {
      try {
        await this.delivery(delivery, at + 1);
      } catch (error) {
        this.report.fail(3, "f.deliveryNot", { n: at + 1 }, error);
      }
    }
    this.said();
    await this.otherFiles();
    await checkAnchors(this.shown, this.anchors, this.report);
  }

  async delivery(delivery, n) {
    const { own, vault } = await checkLog(delivery, this.shown.vault);
    this.report.add("ok", 3, "f.inLog", { n, size: String(vault.size) });
    if (delivery.imported) this.report.add("ok", 3, "f.kit", { n, size: String(own.size) });
    await this.contents(delivery, n);
    const stamps = allProofs(delivery).reduce((sum, proof) => sum + proof.stamps, 0);
    if (stamps) this.report.add("note", 7, "f.stamps", { n, count: String(stamps) });
  }

  /** Steps 4 to 6 for one delivery. */
  async contents(delivery, n) {
    let fields;
    let tree;
    let held = null;
    try {
      fields = entryFields(delivery.entry, "sealed");
      tree = deliveryTree(fields.get("delivery"));
      if (fields.has("items")) held = bigInteger(fields.get("items"));
      if (held !== null && held < BigInt(delivery.items.length)) throw new Refusal("e.account");
    } catch (error) {
      this.report.fail(4, "f.deliveryNot", { n }, error);
      return;
    }
    const shown = String(delivery.items.length);
    this.report.add("ok", 4, held === null ? "f.items" : "f.itemsOf", { n, shown, held: String(held) });
    for (const [name, value] of [...fields].sort()) {
      if (!["kind", "delivery", "items"].includes(name)) {
        this.report.add("note", 4, "f.entryField", { n, name, value: inWords(value) });
      }
    }
    const proven = [];
    for (const item of delivery.items) {
      const leaf = await this.item(item, tree);
      if (leaf) proven.push(leaf);
    }
    if (!proven.every((leaf, at) => at === 0 || compared(proven[at - 1], leaf) < 0)) {
      this.report.add("fail", 5, "f.itemOrder", { n });
    }
    this.counts.push({ shown: proven.length, held });
    if (delivery.withheld) this.withheld(delivery.withheld, tree, proven, held, n);
  }

  withheld(withheld, tree, proven, held, n) {
    try {
      checkWithheld(withheld, tree, proven, held);
    } catch (error) {
      this.report.fail(5, "f.deliveryNot", { n }, error);
      return;
    }
    const grounds = new Map();
    for (const { ground } of withheld) grounds.set(ground, (grounds.get(ground) ?? 0) + 1);
    const told = [...grounds].sort().map(([ground, count]) => `${count}: ${ground}`).join("; ");
    this.report.add("ok", 5, "f.withheld", { n, count: String(withheld.length), grounds: told });
  }

  /** Check one item; return its leaf, null if it is not proven to be in the delivery. */
  async item(item, tree) {
    let proven;
    try {
      proven = proveItem(item, tree);
      describedFields(proven.fields);
      this.report.add("ok", 5, "f.item", { id: proven.id });
    } catch (error) {
      this.report.fail(5, "f.itemNot", { name: item.file ?? "–" }, error);
      return null;
    }
    this.items.add(proven.id);
    const exhibit = { id: proven.id, fields: proven.fields, file: null, clips: [], stills: [], copies: [] };
    this.report.exhibits.push(exhibit);
    if (item.file !== null) exhibit.file = await this.file(item, proven);
    for (const clip of item.clips) exhibit.clips.push(await this.clip(clip, proven));
    for (const still of item.stills) exhibit.stills.push(await this.still(still, proven));
    for (const copy of item.copies) exhibit.copies.push(await this.copy(copy, proven));
    return proven.leaf;
  }

  use(...names) {
    if (new Set(names).size !== names.length || names.some((name) => this.used.has(name))) throw new Refusal("e.usedTwice");
    names.forEach((name) => this.used.add(name));
    for (const name of names) if (!this.there.has(name)) throw new Refusal("e.missing", { name });
  }

  async hash(name, content) {
    const hashed = await this.hashing.of(name, content);
    this.hashes.set(name, hashed.sha256);
    return hashed;
  }

  async file(item, proven) {
    const name = item.file;
    try {
      this.use(name);
      const { blob } = this.files.get(name);
      checkContent(proven.fields, item.content, blob.size, await this.hash(name, item.content));
      this.report.add("ok", 6, "f.file", { name, size: String(blob.size), sha256: this.hashes.get(name) });
      return { name, blob };
    } catch (error) {
      this.report.fail(6, "f.fileNot", { name }, error);
      return { name, blob: null };
    }
  }

  async clip(clip, proven) {
    const { segments, playable } = clip;
    const name = playable ?? segments.file;
    try {
      this.use(segments.file, ...(playable === null ? [] : [playable]));
      const { leaves } = await this.hash(segments.file, contentOf(segments));
      if (playable !== null) await this.hash(playable, null);
      const blob = playable === null ? null : this.files.get(playable).blob;
      const found = await checkClip(proven.fields, clip, this.files.get(segments.file).blob, blob, leaves);
      this.report.add("ok", 6, "f.clip", { name, id: proven.id, size: String(found.bytes) });
      for (const track of found.tracks) this.track(name, track);
      return { name, blob, tracks: found.tracks };
    } catch (error) {
      this.report.fail(6, "f.fileNot", { name }, error);
      return { name, blob: null, tracks: null };
    }
  }

  async copy(copy, proven) {
    const { file: name, copied, plan } = copy;
    try {
      this.use(name, ...(copied ? [copied.segments.file] : []), ...(plan === null ? [] : [plan]));
      const { blob } = this.files.get(name);
      await this.hash(name, null);
      let found = null;
      if (copied) {
        const { segments } = copied;
        const { leaves } = await this.hash(segments.file, contentOf(segments));
        found = await checkCopied(proven.fields, copied, this.files.get(segments.file).blob, leaves, blob);
      }
      const { told, checkpoint } = await checkDerivation(copy, proven, this.shown.vault, this.hashes.get(name));
      if (plan !== null) {
        await this.hash(plan, null);
        if (this.hashes.get(plan) !== told.plan) throw new Refusal("e.copyPlan");
        this.report.add("ok", 6, "f.plan", { name, plan });
      }
      const tool = `${told.tool} ${told.version} (${told.build})`;
      this.report.add("ok", 6, "f.copy", { name, id: proven.id, tool, plan: told.plan, log: String(checkpoint.size) });
      if (Object.hasOwn(told, "ends")) this.report.add("note", 6, "f.ends", { name, seconds: String(Number(told.ends) / 1000) });
      if (Object.hasOwn(told, "mark")) this.report.add("note", 6, "f.mark", { name });
      const times = (kind) => found.spans.filter((span) => span.kind === kind)
        .map(({ from, to }) => `${clockText(secondsOf(from))} – ${clockText(secondsOf(to))}`).join(", ");
      if (found) {
        const counts = { copied: String(found.copied), pictures: String(found.pictures) };
        this.report.add("ok", 6, "f.copied", { name, ...counts, spans: times("proven") });
        this.report.add("note", 6, found.sounds ? "f.alteredSound" : "f.altered", { name, spans: times("altered") || "–" });
      } else this.report.add("note", 6, "f.alteredAll", { name });
      this.report.add("note", 6, "f.approvals", { name, count: String(copy.approvals) });
      return { name, blob, tracks: null, told, found };
    } catch (error) {
      this.report.fail(6, "f.fileNot", { name }, error);
      return { name, blob: null, tracks: null, told: null, found: null };
    }
  }

  async still(still, proven) {
    const name = still.picture;
    try {
      this.use(still.file, name);
      for (const file of [still.file, name]) await this.hash(file, null);
      const [raw, made] = await Promise.all([still.file, name].map((file) => bytesOfBlob(this.files.get(file).blob)));
      const found = await checkStill(still, proven, this.shown.vault, raw, made);
      const { frame, shown, track } = found;
      const at = clockText(secondsOf(track.clock(frame.time)));
      const size = { width: String(frame.width), height: String(frame.height), log: String(found.checkpoint.size) };
      this.report.add("ok", 6, "f.still", { name, id: proven.id, track: String(frame.track), at, ...size });
      const tiles = { shown: String(shown), tiles: String(frame.count), hidden: String(frame.count - shown) };
      this.report.add("ok", 6, "f.tiles", { name, ...tiles });
      const decoder = { name, codec: frame.codec, decoder: frame.decoder };
      this.report.add("note", 6, frame.exact ? "f.exact" : "f.derived", decoder);
      return { name, blob: new Blob([made]), tracks: null, frame, at, shown };
    } catch (error) {
      this.report.fail(6, "f.fileNot", { name }, error);
      return { name, blob: null, tracks: null, frame: null };
    }
  }

  track(name, track) {
    const [from, to] = track.span.map((time) => clockText(secondsOf(time)));
    const leading = track.rows.length - track.played.length;
    const args = { name, track: String(track.number), media: track.media, codec: track.codec, from, to };
    this.report.add("ok", 6, "f.track", { ...args, packets: String(track.played.length) });
    if (track.edits === null) this.report.add("note", 6, "f.noEdits", { name, track: String(track.number) });
    if (track.media === "video" && !(track.rows[0].flags & FLAG_KEY)) {
      this.report.add("note", 6, "f.noKey", { name, track: String(track.number) });
    }
    const early = track.rows.slice(1).map((row) => track.media === "video" && track.timeOf(row) < track.timeOf(track.rows[0]));
    const goesBack = early.some((is, at) => is && !early[at - 1] && at > 0); // no key frame keeps them there
    if (leading) this.report.add("note", 6, goesBack ? "f.goesBack" : "f.leading", { name, track: String(track.number), count: String(leading) });
  }

  /** Step 5 for what the vault says besides: it is signed, and about items that are proven. */
  said() {
    const { statements, conditions, account } = this.shown;
    for (const statement of statements) {
      const known = this.items.has(statement.item);
      const args = { id: statement.item, by: statement.by || "–", text: statement.text };
      this.report.add(known ? "note" : "fail", 5, known ? "f.statement" : "f.statementNot", args);
    }
    for (const [name, text] of Object.entries(conditions)) {
      this.report.add("note", 5, "f.condition", { name: { key: `c.${name}`, args: {} }, text });
    }
    if (this.shown.escrow) this.report.add("note", 5, "f.escrow", { sha256: this.shown.escrow });
    for (const { name, from, to } of this.shown.ranges) {
      const one = name === "sealed" && from === to ? "year" : name;
      this.report.add("note", 5, `f.ranges.${one}`, { from, to });
    }
    for (const { act, release, reason } of this.shown.answers) {
      this.report.add("note", 5, act === "recalls" ? "f.recalls" : "f.corrects", { release, reason });
    }
    if (account?.items) {
      const args = { shown: String(account.items.shown), held: String(account.items.held) };
      try {
        checkAccount(account.items, this.counts);
        this.report.add("ok", 5, "f.account", args);
      } catch (error) {
        this.report.fail(5, "f.accountNot", args, error);
      }
    }
    if (account?.seconds) {
      const args = { shown: String(account.seconds.shown), held: String(account.seconds.held) };
      this.report.add("note", 5, "f.seconds", args);
    }
  }

  /** Step 6 for every listed file: its own hash; and that no exhibit stands without an item. */
  async otherFiles() {
    for (const { name, sha256: listed } of this.shown.files) {
      if (!this.there.has(name)) continue;
      try {
        if (!this.hashes.has(name)) await this.hash(name, null);
        if (this.hashes.get(name) !== listed) this.refuseFile(name);
      } catch (error) {
        this.report.fail(6, "f.fileNot", { name }, error);
      }
      if (name.startsWith("exhibits/") && !this.used.has(name)) this.report.add("fail", 6, "f.noItem", { name });
    }
  }

  /** A file that is not the listed one is not shown, even if its content was proven. */
  refuseFile(name) {
    this.report.add("fail", 6, "f.notListed", { name });
    for (const exhibit of this.report.exhibits) {
      for (const shown of [exhibit.file, ...exhibit.clips, ...exhibit.stills, ...exhibit.copies]) if (shown?.name === name) shown.blob = null;
    }
  }
}

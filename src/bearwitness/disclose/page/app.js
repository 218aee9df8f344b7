// The page itself: takes what the reader gives, runs the check, shows the outcome.

const find = (id) => document.getElementById(id);
let chosen = null; // how to open what was picked
let chosenBytes = 0;
let report = null;
let problem = null; // key of what kept the check from being made
let running = 0;

/** Say whether this browser hashes and checks signatures as it must, on answers known beforehand. */
async function browserServes() {
  const fromHex = (text) => Uint8Array.from(text.match(/../g), (two) => parseInt(two, 16));
  // RFC 8032, 7.1, test 2.
  const key = fromHex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
  const signature = fromHex(
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da" +
      "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
  );
  try {
    const abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    const hashes = hex(sha256(utf8("abc"))) === abc && hex(await webSha256(utf8("abc"))) === abc;
    const good = await ed25519Holds(key, signature, Uint8Array.of(0x72));
    return hashes && good && !(await ed25519Holds(key, signature, Uint8Array.of(0x73)));
  } catch {
    return false;
  }
}

async function runCheck() {
  if (!chosen) return;
  running += 1;
  const own = running;
  report = null;
  problem = null;
  find("bar").value = 0;
  document.body.dataset.state = "working";
  render();
  let found = null;
  let wrong = (await browserServes()) ? null : "noBrowser";
  if (!wrong) {
    const anchors = await givenAnchors();
    if (anchors) found = await verifyPackage(chosen, anchors, (bytes) => progress(own, bytes));
    else wrong = "badAnchor";
  }
  if (own !== running) return; // another check was begun meanwhile
  report = found;
  problem = wrong;
  document.body.dataset.state = wrong ?? report.verdict;
  render();
  find("verdict").focus();
}

/** Return what the reader pasted and picked to check against, null if it can not be used. */
async function givenAnchors() {
  try {
    const files = [...find("checkpoints").files];
    const notes = await Promise.all(files.map(async (file) => ({ name: file.name, bytes: await bytesOfBlob(file) })));
    return parseAnchors(find("anchors").value, notes);
  } catch (error) {
    if (error instanceof Refusal) return null;
    throw error;
  }
}

function progress(own, bytes) {
  if (own === running) find("bar").value = Math.min(1, find("bar").value + bytes / Math.max(1, chosenBytes));
}

function render() {
  document.documentElement.lang = language;
  document.title = say("title");
  for (const element of document.querySelectorAll("[data-t]")) element.textContent = say(element.dataset.t);
  for (const button of find("languages").children) button.setAttribute("aria-pressed", String(button.lang === language));
  const state = document.body.dataset.state;
  find("progress").hidden = state !== "working";
  find("again").hidden = !chosen || state === "working";
  find("outcome").hidden = !report && !problem;
  forgetExhibits();
  for (const id of ["answers", "exhibits", "proven", "unproven", "conditions", "reasons", "findings"]) find(id).replaceChildren();
  renderVerdict();
  for (const id of ["answerPart", "details", "account", "exhibitPart", "conditionPart", "reasonPart"]) find(id).hidden = true;
  if (report) renderReport();
}

function renderVerdict() {
  if (problem) find("verdict").textContent = say(problem);
  else if (report) find("verdict").textContent = say(report.verdict);
  const altered = report?.exhibits.some((exhibit) => exhibit.copies.length);
  const besides = altered && report.verdict !== "verified" ? ` ${say("alteredText")}` : "";
  const verdict = altered && report.verdict === "verified" ? "verifiedButAltered" : report?.verdict;
  find("verdictText").textContent = report ? `${say(`${verdict}Text`)}${besides}` : "";
  const vault = report?.shown?.vault;
  find("vault").hidden = !vault;
  if (!vault) return;
  find("vaultName").textContent = printable(vault.name);
  find("print").textContent = vault.fingerprint.match(/.{8}/g).join(" ");
}

function renderReport() {
  const good = report.verdict !== "failed";
  const failures = report.findings.filter((found) => found.status === "fail");
  find("reasonPart").hidden = !failures.length;
  find("reasons").append(...failures.map((found) => make("li", "", say(found.key, found.args))));
  find("details").hidden = false;
  find("findings").append(...report.findings.map(findingLine));
  if (!good) return;
  find("account").hidden = false;
  find("answerPart").hidden = !report.shown.answers.length;
  renderAccount();
  const { statements, conditions } = report.shown;
  find("exhibitPart").hidden = !report.exhibits.length;
  find("exhibits").append(...report.exhibits.map((exhibit, at) =>
    exhibitCard(exhibit, at + 1, statements.filter((said) => said.item === exhibit.id))));
  find("conditionPart").hidden = !Object.keys(conditions).length;
  for (const [name, text] of Object.entries(conditions)) {
    find("conditions").append(make("dt", "", say(`c.${name}`)), make("dd", "", printable(text)));
  }
}

function findingLine(found) {
  const mark = { ok: "✓", fail: "✕", note: "–" }[found.status];
  const line = make("li", found.status);
  const sign = make("span", "mark", mark);
  sign.setAttribute("role", "img");
  sign.setAttribute("aria-label", say(found.status));
  line.append(sign, make("span", "", say(found.key, found.args)), make("span", "step", `${say("step")} ${found.step}`));
  return line;
}

function renderAccount() {
  const { exhibits, anchored, shown } = report;
  const proven = ["p.fields"];
  if (exhibits.some((exhibit) => exhibit.file || exhibit.clips.length)) proven.unshift("p.bytes");
  if (exhibits.some((exhibit) => exhibit.clips.length)) proven.push("p.order");
  const stills = exhibits.flatMap((exhibit) => exhibit.stills);
  if (stills.length) proven.push("p.still");
  const copies = exhibits.flatMap((exhibit) => exhibit.copies);
  if (copies.length) proven.push("p.copy");
  if (anchored) proven.push("p.vault");
  const unproven = anchored ? [] : ["n.vault"];
  if (copies.length) unproven.push("n.copy");
  if (stills.length) unproven.push("n.still");
  unproven.push("n.true", "n.before", "n.time");
  if (!shown.deliveries.every((delivery) => delivery.withheld)) unproven.push("n.rest");
  if (shown.statements.length || shown.account?.seconds || Object.keys(shown.conditions).length) unproven.push("n.said");
  find("proven").append(...proven.map((key) => make("li", "", say(key))));
  for (const found of report.findings) {
    if (["f.itemsOf", "f.withheld", "f.account"].includes(found.key)) find("proven").append(make("li", "", say(found.key, found.args)));
    if (["f.corrects", "f.recalls"].includes(found.key)) find("answers").append(make("li", "", say(found.key, found.args)));
    if (found.key === "f.seconds" || found.key.startsWith("f.ranges.")) find("unproven").append(make("li", "", say(found.key, found.args)));
  }
  find("unproven").append(...unproven.map((key) => make("li", "", say(key))));
}

function pick(files, asArchive) {
  if (!files.length) return;
  const picked = [...files];
  chosenBytes = picked.reduce((sum, file) => sum + file.size, 0);
  chosen = asArchive ? () => zipPackage(picked[0]) : async () => folderPackage(picked);
  find("chosen").textContent = printable(asArchive ? picked[0].name : picked[0].webkitRelativePath.split("/")[0]);
  runCheck();
}

function begin() {
  for (const [tag, name] of Object.entries(LANGUAGES)) {
    const button = make("button", "", name);
    Object.assign(button, { type: "button", lang: tag });
    button.addEventListener("click", () => {
      language = tag;
      render();
    });
    find("languages").append(button);
  }
  // Telephones often can not pick folders; the archive is for them.
  find("folderChoice").hidden = !("webkitdirectory" in HTMLInputElement.prototype);
  find("folder").addEventListener("change", (event) => pick(event.target.files, false));
  find("zip").addEventListener("change", (event) => pick(event.target.files, true));
  find("again").addEventListener("click", runCheck);
  render();
}

if (typeof document === "undefined") serveHashes(); // this is a worker
else begin();

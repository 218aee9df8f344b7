// Shows what was proven. Pictures and videos stay covered until the reader asks; nothing unproven gets here.

const SHOWN_AS = {
  jpg: ["img", "image/jpeg"], png: ["img", "image/png"], gif: ["img", "image/gif"], webp: ["img", "image/webp"],
  mp4: ["video", "video/mp4"], mov: ["video", "video/mp4"], webm: ["video", "video/webm"], mkv: ["video", "video/webm"],
  wav: ["audio", "audio/wav"], mp3: ["audio", "audio/mpeg"], flac: ["audio", "audio/flac"], ogg: ["audio", "audio/ogg"],
  txt: ["text", "text/plain"],
};
const TEXT_SHOWN_MAX = 20000;
let addresses = [];

/** Make an element with a class, a text and children. */
function make(tag, className = "", text = "", ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text) element.textContent = text;
  element.append(...children);
  return element;
}

function addressOf(blob, type) {
  const address = URL.createObjectURL(new Blob([blob], { type }));
  addresses.push(address);
  return address;
}

/** Forget all files shown before. */
function forgetExhibits() {
  addresses.forEach((address) => URL.revokeObjectURL(address));
  addresses = [];
}

/** Return the card of an item that was proven. */
function exhibitCard(exhibit, number, statements) {
  const card = make("article", "card");
  const others = exhibit.copies.length ? "copy" : exhibit.stills.length ? "still" : "fieldsOnly";
  const kind = exhibit.clips.length ? "clip" : exhibit.file ? "whole" : others;
  const named = [exhibit.file, ...exhibit.clips, ...exhibit.stills, ...exhibit.copies].map((one) => one?.name.match(/^exhibits\/([0-9]+)/)?.[1]).find(Boolean);
  const title = named ? `${say("exhibit")} ${named}` : `${say("item")} ${number}`;
  const head = make("header", "", "", make("h3", "", title));
  if (exhibit.copies.length) head.append(make("span", "badge derived", say("altered")));
  if (kind !== "still" && kind !== "copy") head.append(make("span", "badge proven", say("proven")));
  card.append(head, make("p", "kind", say(kind)));
  const shown = [exhibit.file, ...exhibit.clips].filter(Boolean);
  const span = spanOf(exhibit);
  const players = shown.map(shownFile);
  card.append(...players);
  if (shown.length) card.append(timeline(exhibit, span, statements.filter((said) => said.time), players));
  for (const copy of exhibit.copies) card.append(...copyBox(copy));
  for (const still of exhibit.stills) card.append(...stillBox(still));
  card.append(fieldList(exhibit));
  for (const said of statements) card.append(statementBox(said));
  return card;
}

/** Return a redacted copy: what plays, where it is the original's and where it was altered, by which plan. */
function copyBox(copy) {
  const player = shownFile(copy);
  const { found, told } = copy;
  const words = [make("p", "altered", say(found ? "copyPart" : "copyAll"))];
  if (told) words.push(make("p", "quiet code", `${say("copyPlan")} ${told.plan}`));
  if (told && Object.hasOwn(told, "mark")) words.push(make("p", "altered", say("copyMark")));
  const timed = found || player.querySelector("video, audio");
  return timed ? [player, copyTimeline(found, player), ...words] : [player, ...words];
}

function copyTimeline(found, player) {
  const box = make("figure", "timeline");
  const bar = make("div", "bar");
  const labels = make("div", "labels");
  const spans = (found?.spans ?? []).map(({ kind, from, to }) => ({ kind, from: secondsOf(from), to: secondsOf(to) }));
  const begin = spans.length ? spans[0].from : 0;
  const end = spans.length ? spans.at(-1).to : 1;
  const at = (time) => (time - begin) / (end - begin);
  if (spans.length) spans.forEach(({ kind, from, to }) => bar.append(stretch(kind, at(from), at(to))));
  else bar.append(stretch("altered", 0, 1));
  follow(player, bar, spans.length ? at : (time, length) => time / length);
  labels.append(...spans.map(({ kind, from, to }) => make("span", kind, `${say(kind === "proven" ? "same" : "altered")}: ${clockText(from)} – ${clockText(to)}`)));
  const text = say(spans.length ? "timelineCopy" : "timelineAltered");
  bar.setAttribute("role", "img");
  bar.setAttribute("aria-label", text);
  box.append(bar, labels, make("figcaption", "quiet", text));
  return box;
}

/** Return a still with what is to be known of it: how much is hidden, whether other decoders give the same. */
function stillBox(still) {
  const { frame, shown, at } = still;
  const label = frame.exact ? make("span", "badge proven", say("bound")) : make("span", "badge derived", say("derived"));
  const words = say("stillOf", { at, shown: String(shown), tiles: String(frame.count), hidden: String(frame.count - shown) });
  const trust = say(frame.exact ? "stillExact" : "stillDerived", { codec: frame.codec, decoder: frame.decoder });
  return [shownFile(still), make("p", "kind", "", label, make("span", "", ` ${words}`)), make("p", "quiet", trust)];
}

function shownFile({ name, blob, tracks }) {
  const holder = make("div", "exhibit");
  if (!blob) return make("p", "quiet", say("noPlayable"));
  const [tag, type] = SHOWN_AS[name.split(".").pop()] ?? [null, "application/octet-stream"];
  const silent = tracks && !tracks.some((track) => track.media === "video") && tag === "video";
  if (tag === "text") holder.append(textBox(blob));
  else if (tag === "audio" || silent) holder.append(soundBox(blob, type));
  else if (tag) holder.append(coveredBox(tag, blob, type));
  else holder.append(make("p", "quiet", say("noPlay")));
  const link = make("a", "save", say("save"));
  link.href = addressOf(blob, "application/octet-stream");
  link.download = name.replace("/", "-");
  holder.append(link, make("span", "file", ` ${name}`));
  return holder;
}

function textBox(blob) {
  const box = make("pre", "text");
  blob.slice(0, TEXT_SHOWN_MAX).arrayBuffer().then((bytes) => {
    box.textContent = new TextDecoder().decode(bytes) + (blob.size > TEXT_SHOWN_MAX ? "…" : "");
  });
  return box;
}

function soundBox(blob, type) {
  const sound = make("audio");
  sound.controls = true;
  sound.preload = "metadata";
  sound.src = addressOf(blob, type);
  sound.setAttribute("aria-label", say("play"));
  return sound;
}

function coveredBox(tag, blob, type) {
  const box = make("div", "media covered");
  const media = make(tag);
  const note = make("p", "cover", say("covered"));
  const button = make("button", "uncover", say("unblur"));
  button.type = "button";
  media.src = addressOf(blob, type);
  if (tag === "img") media.alt = "";
  else Object.assign(media, { preload: "metadata", muted: true, playsInline: true, disablePictureInPicture: true });
  media.addEventListener("error", () => box.replaceWith(make("p", "quiet", say("cannotShow"))));
  const set = (covered) => {
    box.classList.toggle("covered", covered);
    button.textContent = say(covered ? "unblur" : "blur");
    note.hidden = !covered;
    if (tag !== "video") return;
    media.controls = !covered;
    media.muted = covered;
    if (covered) media.pause();
  };
  button.addEventListener("click", () => set(!box.classList.contains("covered")));
  box.append(media, note, button);
  return box;
}

/** Return {parts: [from, to] of each clip, whole: seconds or null} on the clock of the recording. */
function spanOf(exhibit) {
  const tracked = exhibit.clips.filter((clip) => clip.tracks);
  const parts = tracked.map(({ tracks }) => [
    secondsOf(leastFraction(tracks.map((track) => track.span[0]))),
    Math.max(...tracks.map((track) => secondsOf(track.span[1]))),
  ]);
  const told = tracked.flatMap(({ tracks }) => tracks).filter((track) => /^[1-9][0-9]{0,17}$/.test(track.extent?.duration ?? ""));
  const lengths = told.map(({ extent, base }) => secondsOf([BigInt(extent.duration) * base[0], base[1]]));
  return { parts, whole: lengths.length ? Math.max(...lengths) : null };
}

function timeline(exhibit, { parts, whole }, statements, players) {
  const box = make("figure", "timeline");
  const bar = make("div", "bar");
  const labels = make("div", "labels");
  const times = statements.map((said) => said.time.map((time) => Number(time) / 1e9));
  if (exhibit.file || !parts.length) {
    bar.append(stretch("proven", 0, 1));
    players.forEach((player) => follow(player, bar, (time, length) => time / length));
  } else {
    const all = [...parts, ...times];
    const [least, most] = [Math.min(...all.map(([from]) => from)), Math.max(...all.map(([, to]) => to))];
    const margin = (most - least) * 0.15 || 1;
    const begin = whole === null ? Math.max(0, least - margin) : Math.min(0, least);
    const end = whole === null ? most + margin : Math.max(whole, most);
    const at = (time) => (time - begin) / (end - begin);
    parts.forEach(([from, to]) => bar.append(stretch("proven", at(from), at(to))));
    times.forEach(([from, to]) => bar.append(stretch("said", at(from), at(to))));
    parts.forEach(([from], n) => follow(players[n], bar, (time) => at(from + time)));
    labels.append(...parts.map(([from, to]) => make("span", "", `${clockText(from)} – ${clockText(to)}`)));
  }
  const text = say(exhibit.file ? "timelineWhole" : whole === null ? "timelineGap" : "timeline");
  bar.setAttribute("role", "img");
  bar.setAttribute("aria-label", text);
  box.append(bar, labels, make("figcaption", "quiet", text));
  return box;
}

/** Have a mark on the timeline follow a player; `at` turns its time and length into a place from 0 to 1. */
function follow(player, bar, at) {
  const media = player.querySelector("video, audio");
  if (!media) return;
  const mark = stretch("playhead", 0, 0);
  mark.hidden = true;
  bar.append(mark);
  media.addEventListener("timeupdate", () => {
    mark.hidden = false;
    mark.style.left = `${100 * at(media.currentTime, media.duration)}%`;
  });
}

function stretch(kind, from, to) {
  const part = make("span", kind);
  part.style.left = `${100 * from}%`;
  part.style.width = `${Math.max(0.5, 100 * (to - from))}%`;
  return part;
}

function fieldList(exhibit) {
  const list = make("dl");
  list.append(make("dt", "", say("item")), make("dd", "code", exhibit.id));
  for (const [name, text] of describedFields(exhibit.fields)) {
    if (name === "fate" && text === "type file") continue;
    list.append(make("dt", "", say(`field.${name}`)), make("dd", name === "sha256" || name === "md5" ? "code" : "", printable(text)));
  }
  return list;
}

function regionText({ x, y, width, height }) {
  const [left, right, top, bottom] = [x, x + width, y, y + height].map((n) => String(n / 100));
  return say("region", { left, right, top, bottom });
}

function statementBox(said) {
  const box = make("blockquote", "said");
  box.append(make("span", "badge said", say("said")), make("p", "", printable(said.text)));
  const where = [said.by && printable(said.by)];
  if (said.time) where.push(said.time.map((time) => clockText(Number(time) / 1e9)).join(" – "));
  if (said.region) where.push(regionText(said.region));
  box.append(make("footer", "", where.filter(Boolean).join(" · ")));
  return box;
}

"use strict";
const EVERY_MS = 2000, KEPT_MS = 300000, LINE_MAX = 40, CHANGES = 20;
const at = id => document.getElementById(id);
/** Text without what steers a line: control characters, and those that turn its direction. */
const plain = child => typeof child === "string" ? child.replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, "\ufffd") : child;
/** An element with its attributes and children; text is never read as markup. */
const make = (tag, attributes = {}, ...children) => {
  const svg = ["svg", "g", "path", "line", "circle", "text", "title"].includes(tag);
  const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children.filter(child => child !== null && child !== undefined).map(plain));
  return made;
};
const row = (...cells) => make("tr", {}, ...cells);
const cell = (text, kind) => make("td", kind ? { class: kind } : {}, text === null || text === undefined ? "–" : String(text));
const fill = (id, items, none) => {
  const open = new Set([...at(id).querySelectorAll("details[open]")].map(details => details.dataset.id));
  at(id).replaceChildren(...(items.length ? items : [make(at(id).tagName === "TBODY" ? "tr" : "li", { class: "quiet" }, none)]));
  for (const details of at(id).querySelectorAll("details")) details.open = open.has(details.dataset.id);
};
const clock = ms => ms ? new Date(ms).toLocaleTimeString() : "–";
const short = hex => (hex || "").slice(0, 12);
const lasts = ms => ms === null || ms === undefined ? "never" : ms < 2000 ? "now" : ms < 120000 ? Math.round(ms / 1000) + " s ago" : Math.round(ms / 60000) + " min ago";

class Refused extends Error { constructor(status, detail) { super(detail); this.status = status; } }
/** Token of an operator, for as long as this tab is open. */
const token = () => sessionStorage.getItem("token");
async function ask(path) {
  const headers = token() ? { authorization: `Bearer ${token()}` } : {};
  const answer = await fetch(path, { headers, signal: AbortSignal.timeout(5000) });
  if (!answer.ok) { const body = await answer.json().catch(() => ({})); throw new Refused(answer.status, body.detail || answer.statusText); }
  return answer.headers.get("content-type").includes("json") ? answer.json() : answer.text();
}
/** The answer; null where it is for operators only, or not there. */
const askOr = (path, otherwise) => ask(path).catch(error => { if (error instanceof Refused) return otherwise; throw error; });

const line = [];
function tell(when, words, kind) {
  line.unshift([when, words, kind]);
  line.length = Math.min(line.length, LINE_MAX);
  fill("line", line.map(([when, words, kind]) => make("li", {}, make("span", { class: "quiet" }, clock(when) + "  "), make("span", kind ? { class: kind } : {}, words))), "Nothing has happened yet.");
}
let known = null;
function notice(s) {
  if (known && known.view !== s.view) tell(Date.now(), `View ${s.view}; the primary is ${s.primary}`, "warn");
  if (known && known.mode !== s.mode) tell(Date.now(), `Mode ${s.mode}${s.why ? ": " + s.why : ""}`, s.mode === "active" ? "good" : "bad");
  if (known && known.epoch !== s.epoch) tell(Date.now(), `Epoch ${s.epoch}`, "good");
  for (const gone of known ? known.peers.filter(peer => !s.peers.includes(peer)) : []) tell(Date.now(), `Replica ${gone} is not heard`, "warn");
  for (const back of known ? s.peers.filter(peer => !known.peers.includes(peer)) : []) tell(Date.now(), `Replica ${back} is heard`, "good");
  if (!known) tell(Date.now(), `This page was opened; slot ${s.executed_seq}, view ${s.view}`);
  known = s;
}
function listen() {
  const events = new EventSource("/v1/events");
  const on = (kind, words) => events.addEventListener(kind, event => { const told = words(JSON.parse(event.data)); if (told) tell(Date.now(), ...told); });
  on("evidence", proof => [`Replica ${proof.signer} is proved to be at fault: ${proof.kind}`, "bad"]);
  on("conflict", news => [`Conflict at ${news.domain}/${news.path}: ${news.what}`, news.what === "settled" ? "good" : "warn"]);
  on("healed", healing => [`An outage of ${Math.round((healing.ended - healing.began) / 1000)} s is over: ${healing.paused} paused, ${healing.resumed} resumed`, "good"]);
  on("lock", news => [`Lock ${news.path || ""}: ${news.what || ""}`, ""]);
}

const samples = [];
const total = (text, name) => [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? ([0-9.e+]+)`, "gm"))].reduce((sum, found) => sum + Number(found[1]), 0);
function sample(s, p, metrics) {
  const now = Date.now(), one = { now, slots: s.executed_seq, waiting: p ? p.waiting.envelopes : s.pending, behind: s.behind };
  if (metrics) {
    one.changes = total(metrics, "quorate_changes_total");
    one.conflicts = total(metrics, "quorate_changes_total\\{kind=\"conflict\"\\}");
    one.orders = total(metrics, "quorate_phase_seconds_count\\{phase=\"order\"\\}");
    one.order = total(metrics, "quorate_phase_seconds_sum\\{phase=\"order\"\\}");
  }
  samples.push(one);
  while (samples[0].now < now - KEPT_MS) samples.shift();
}
const rate = (name, per) => samples.slice(1).map((one, i) => {
  const before = samples[i], up = one[name] - before[name], over = per ? one[per] - before[per] : (one.now - before.now) / 1000;
  return [one.now, over > 0 && up >= 0 ? up / over : 0];
});
const level = name => samples.map(one => [one.now, one[name]]);
function graph(title, points, unit, digits) {
  const now = Date.now(), top = Math.max(...points.map(([, value]) => value), 1e-9), x = when => 300 - (now - when) / KEPT_MS * 300, y = value => 58 - value / top * 54;
  const path = points.map(([when, value], i) => `${i ? "L" : "M"}${x(when).toFixed(1)} ${y(value).toFixed(1)}`).join("");
  const last = points.length ? points[points.length - 1][1] : 0, words = `${last.toFixed(digits)} ${unit}`;
  const area = points.length > 1 ? `${path}L${x(points[points.length - 1][0]).toFixed(1)} 60L${x(points[0][0]).toFixed(1)} 60Z` : "";
  return make("figure", {}, make("figcaption", {}, title, make("b", {}, words)),
    make("svg", { viewBox: "0 0 300 60", preserveAspectRatio: "none", role: "img", "aria-label": `${title}: ${words}, at most ${top.toFixed(digits)}` }, make("path", { class: "under", d: area }), make("path", { class: "curve", d: path })));
}
function graphs() {
  const seen = [graph("Slots a second", rate("slots"), "/s", 1), graph("Waiting here", level("waiting"), "envelopes", 0), graph("Behind the others", level("behind"), "slots", 0)];
  if (samples.length && samples[samples.length - 1].order !== undefined) {
    seen.unshift(graph("Changes a second", rate("changes"), "/s", 1), graph("Time to order, mean", rate("order", "orders").map(([when, seconds]) => [when, seconds * 1000]), "ms", 1),
      graph("Changes in conflict", rate("conflicts", "changes").map(([when, share]) => [when, share * 100]), "%", 1));
  }
  at("graphs").replaceChildren(...seen);
}

/** Answers that are for operators, or may take a token while not everyone may read a domain, and those of them that were refused for want of one. */
const GUARDED = { "/v1/peers": "each member's slot and view", "/metrics": "changes a second, conflicts and the time to order",
  "/v1/conflicts": "open conflicts", "/v1/proposals": "proposals", "/v1/domains": "the newest changes" }, kept = new Set(), KEPT = "Kept from who shows no token.";
const askGuarded = (address, otherwise) => { const path = address.split("?")[0]; return ask(address).then(answer => { kept.delete(path); return answer; }, error => {
  if (!(error instanceof Refused)) throw error;
  if (error.status === 401 || error.status === 403) kept.add(path); else kept.delete(path);
  return otherwise;
}); };
/** Tells of answers that are kept from this page, and what opens them. */
function closed() {
  at("token-card").hidden = !kept.size;
  at("token-words").textContent = `${token() ? "This token does not open" : "A token of an operator opens"} ${[...kept].map(path => GUARDED[path]).join(", ")}.`;
}
at("token-card").addEventListener("submit", event => {
  event.preventDefault();
  const shown = at("token").value.trim();
  at("token").value = "";
  if (/^[\x21-\x7e]+$/.test(shown)) sessionStorage.setItem("token", shown); else sessionStorage.removeItem("token");
  show();
});

function verdict(s, p) {
  const heard = s.peers.length + (s.role === "observer" ? 0 : 1), can = p ? p.can_order : heard >= s.quorum;
  at("verdict").textContent = s.role === "observer" ? `This node follows; it hears ${heard} members.`
    : can ? `Yes: ${heard} of ${p ? p.hears.length : heard} members are heard, ${s.quorum} are needed.`
    : `No: ${s.why || `${heard} members are heard, ${s.quorum} are needed`}.`;
  at("verdict").className = "large " + (can || s.role === "observer" ? "good" : "bad");
  if (p && p.estimate && !can) at("verdict").textContent += p.estimate.left_ms === null ? ` How long is unknown: ${p.estimate.rests_on}.` : ` Probably for ${Math.round(p.estimate.left_ms / 1000)} s more: ${p.estimate.rests_on}.`;
  at("mode").textContent = can || s.mode !== "active" ? s.mode : "no quorum";
  at("mode").className = "badge " + (!can && s.role !== "observer" ? "bad" : s.mode === "active" ? "good" : s.mode === "recovering" || s.mode === "following" ? "warn" : "bad");
}
function health(h) {
  const part = (name, score) => make("div", { class: "part " + (score >= 0.9 ? "good" : score >= 0.7 ? "warn" : "bad") }, make("span", { class: "quiet" }, name), make("b", {}, score.toFixed(2)),
    make("div", { class: "bar" }, make("i", { style: `width:${Math.round(score * 100)}%` })));
  at("health").replaceChildren(part("health", h.score), ...h.parts.map(one => part(one.name.replaceAll("_", " "), one.score)));
}
function issues(items) {
  at("issues-card").hidden = !items.length;
  fill("issues", items.map(issue => make("li", {}, make("b", { class: issue.severity === "critical" ? "bad" : "warn" }, issue.what), make("div", {}, issue.evidence), make("div", { class: "quiet" }, `${issue.advice} (docs/runbooks/${issue.runbook.replace(/^.*\//, "")})`))), "");
}
function members(s, list, p, peers) {
  const said = new Map((p ? p.hears : []).map(one => [one.replica, one])), seen = new Map((peers || []).map(one => [one.replica, one]));
  const rows = list.slice().sort((a, b) => a.organisation.localeCompare(b.organisation) || a.replica - b.replica).map(member => {
    const own = member.replica === s.replica, peer = seen.get(member.replica) || {}, word = said.get(member.replica) || {};
    const executed = own ? s.executed_seq : peer.executed_seq, lag = executed === undefined || executed === null ? "" : executed < s.executed_seq ? ` (−${s.executed_seq - executed})` : "";
    const heard = own ? "this node" : lasts(peer.heard_ms ?? word.age_ms), fresh = own || s.peers.includes(member.replica);
    return row(cell(member.organisation), cell(member.replica + (member.replica === s.primary ? " primary" : "")), cell(heard, fresh ? "good" : "bad"),
      cell(executed === undefined || executed === null ? null : executed + lag, "number"), cell(own ? s.view : peer.view, "number"), cell(own ? s.peers.join(", ") || "nobody" : word.hears ? word.hears.join(", ") || "nobody" : null));
  });
  fill("members", rows, "No member is known.");
}
function links(s, list, p) {
  if (!p || !p.hears.length) { at("links").replaceChildren(); at("links-words").textContent = "A follower hears members; who of them hears whom they tell each other."; return; }
  const place = new Map(p.hears.map((one, i) => { const turn = i / p.hears.length * 2 * Math.PI - Math.PI / 2; return [one.replica, [160 + 76 * Math.cos(turn), 105 + 76 * Math.sin(turn)]]; }));
  const own = s.peers, hears = new Map(p.hears.map(one => [one.replica, new Set(one.replica === p.replica ? own : one.hears || [])])), drawn = [];
  for (const a of place.keys()) for (const b of place.keys()) if (a < b) {
    const ways = Number(hears.get(a).has(b)) + Number(hears.get(b).has(a));
    if (ways) { const [x1, y1] = place.get(a), [x2, y2] = place.get(b); drawn.push(make("line", { x1, y1, x2, y2, class: ways === 2 ? "link" : "link one" })); }
  }
  const organisation = new Map(list.map(member => [member.replica, member.organisation]));
  for (const [number, [x, y]] of place) {
    const lost = number !== p.replica && !own.includes(number);
    drawn.push(make("g", { class: "node" + (lost ? " lost" : "") + (number === p.replica ? " ours" : "") }, make("circle", { cx: x, cy: y, r: 15 }), make("text", { x, y }, String(number)), make("text", { class: "org", x, y: y + 23 }, organisation.get(number) || "")));
  }
  at("links").replaceChildren(make("svg", { viewBox: "0 0 320 225", role: "img", "aria-label": "Members and who hears whom" }, ...drawn));
  const words = p.components.map(part => `{${part.members.join(", ")}}${part.assumed ? " silent" : part.can_order ? " can order" : " cannot order"}`);
  at("links-words").textContent = p.components.length === 1 ? "All members hear each other." : "Parts: " + words.join("; ") + ".";
}
const stories = new Map();
function conflicts(items) {
  fill("conflicts", (items || []).map(conflict => {
    const details = make("details", {}, make("summary", {}, make("span", { class: "code" }, `${conflict.domain}/${conflict.path}`), ` ${conflict.class}, ${conflict.sides.length} sides, since ${conflict.since}`), make("div", { class: "quiet" }, conflict.reason), stories.get(conflict.id) || make("ol", {}));
    details.dataset.id = conflict.id;
    details.addEventListener("toggle", () => details.open && story(conflict.id, details));
    return make("li", {}, details);
  }), items ? "None." : KEPT);
}
async function story(id, details) {
  const told = await askOr(`/v1/conflicts/${id}?level=sequential`, null);
  if (!told) return;
  const item = one => make("li", {}, `${one.revision}: ${one.what}${one.number !== undefined && one.number !== null ? " " + one.number : ""}${one.organisation ? " by " + one.organisation : ""}${one.reason ? ": " + one.reason : ""}`);
  stories.set(id, make("ol", {}, ...told.story.map(item)));
  details.querySelector("ol").replaceWith(stories.get(id));
}
/** Act in a line: its name, and what tells it from others of that name. */
function act(one) {
  const ids = [one.group, one.transaction, one.key].filter(Boolean).map(short);
  const end = one.commit === undefined ? null : one.commit ? "commit" : "abort";
  const epoch = one.epoch === undefined ? null : `epoch ${one.epoch}`;
  const unknown = one.act === "later" ? `${one.number}, which this node cannot read` : null;
  return [one.act, one.name || one.organisation, ...ids, epoch, end, unknown].filter(Boolean).join(" ");
}
function proposals(items) {
  const wait = (items || []).filter(one => one.state === "open");
  fill("proposals", wait.map(one => make("li", {}, make("b", {}, act(one.spelled || one.proposal)), ` for ${one.domain}: ${one.approvals.length} of ${one.needed} approvals (${one.approvals.join(", ")})`, make("div", { class: "quiet code" }, `quorate approve ${short(one.id)}`))), items ? "None." : KEPT);
}
const organisations = new Map();
/** Asks for the organisations of authors once, and again when somebody new has written. */
async function learn(logs) {
  const authors = logs.flat().map(one => one.author);
  if (authors.every(key => organisations.has(key))) return;
  for (const one of (await askOr("/v1/identities", { items: [] })).items) organisations.set(one.key, one.organisation);
  for (const key of authors) if (!organisations.has(key)) organisations.set(key, "");
}
const by = key => organisations.get(key) ? `${organisations.get(key)} (${short(key)})` : short(key);
function changes(logs) {
  const all = (logs || []).flat().sort((a, b) => b.time - a.time).slice(0, CHANGES);
  fill("changes", all.map(one => row(cell(clock(one.time)), cell(one.domain), cell(one.revision), cell(one.changes.slice(0, 3).map(change => change.path).join(", ") + (one.changes.length > 3 ? ` and ${one.changes.length - 3} more` : ""), "code"), cell(one.message.split("\n")[0].slice(0, 80)), cell(by(one.author)))), logs ? "No change yet." : KEPT);
}
function evidence(items) {
  fill("evidence", items.map(one => make("li", {}, make("b", { class: "bad" }, `Replica ${one.signer}`), ` said two things: ${one.kind}, view ${one.view}, slot ${one.seq}, recorded in slot ${one.recorded_at} `, make("a", { href: `/v1/evidence/${one.id}`, download: `${short(one.id)}.proof` }, "the proof"))), "None: nobody was caught.");
}
function facts(s) {
  const from = s.restarted_from;
  const pairs = [["group", s.group], ...(from ? [["goes on from", `slot ${from.seq} of group ${from.group} (${from.name}), as of ${new Date(from.time).toISOString()}`]] : []), ["state root", s.state_root], ["lane hash", s.lane_hash], ["executed slot", s.executed_seq], ["stable checkpoint", s.stable_checkpoint.seq], ["epoch and view", `${s.epoch}, ${s.view}`], ["behind", `${s.behind} slots`],
    ["waiting here", s.pending], ["decided on the fast path", s.fast_commits], ["last in step", s.last_sync ? new Date(s.last_sync).toLocaleString() : "not since its start"], ["version", s.version]];
  at("facts").replaceChildren(...pairs.flatMap(([name, value]) => [make("dt", {}, name), make("dd", { class: "code" }, String(value))]));
}
async function logs() {
  const listed = await askGuarded("/v1/domains?limit=20", null);
  if (!listed) return null;
  const domains = listed.items.map(domain => domain.name);
  const log = async domain => (await askOr(`/v1/domains/${encodeURIComponent(domain)}/log?level=sequential&limit=${CHANGES}`, { items: [] })).items.map(one => ({ ...one, domain }));
  return Promise.all(domains.map(log));
}
async function show() {
  try {
    const s = await ask("/v1/status");
    const [p, list, peers, wrong, open, waiting, proofs, metrics, logged] = await Promise.all([askOr("/v1/partitions", null), ask("/v1/members"), askGuarded("/v1/peers", { items: null }), ask("/v1/issues"),
      askGuarded("/v1/conflicts?state=open&level=sequential&limit=50", { items: null }), askGuarded("/v1/proposals?state=open&level=sequential&limit=50", { items: null }), ask("/v1/evidence?limit=50"), askGuarded("/metrics", null), logs()]);
    await learn(logged || []);
    at("name").textContent = document.title = s.name || "quorate";
    at("who").textContent = s.role === "observer" ? "observer" : `replica ${s.replica}${s.replica === s.primary ? ", the primary" : ""}`;
    notice(s); verdict(s, p); health(s.health); closed(); issues(wrong.items); members(s, list.items, p, peers.items); links(s, list.items, p); sample(s, p, metrics); graphs();
    conflicts(open.items); proposals(waiting.items); changes(logged); evidence(proofs.items); facts(s);
  } catch (error) {
    at("mode").textContent = "no answer"; at("mode").className = "badge bad";
    at("verdict").textContent = `The replica does not answer: ${error.message}`; at("verdict").className = "large bad";
  }
}
listen(); show(); setInterval(show, EVERY_MS);

// Keeps the steps page true while it is open: the server sends what changed.
const root = document.querySelector("[data-events]");
const live = document.querySelector("[data-live]");
const places = { steps_table: "steps-table", assets_table: "assets-table", diagram: "diagram" };

function show(fragments) {
  for (const [name, id] of Object.entries(places)) {
    const place = document.getElementById(id);
    const fresh = place.cloneNode(false);
    fresh.innerHTML = fragments[name];
    update(place, fresh);
  }
}

// What something does is part of what it is: a click that began on "Cancel" must not end on "Run again".
function identity(node) {
  return [node.nodeName, node.id, node.getAttribute?.("action"), node.getAttribute?.("href")].join("|");
}

// Makes an element what `fresh` is. What has not changed stays in its place, and with it the focus, what is selected, and a
// click under way.
function update(element, fresh) {
  if (element.isEqualNode(fresh)) return;
  for (const { name, value } of fresh.attributes) if (element.getAttribute(name) !== value) element.setAttribute(name, value);
  for (const { name } of [...element.attributes]) {
    const opened = name === "open" && element.nodeName === "DETAILS";
    if (!opened && !fresh.hasAttribute(name)) element.removeAttribute(name);
  }
  const before = [...element.childNodes];
  const after = [...fresh.childNodes].map((child) => {
    const at = before.findIndex((old) => identity(old) === identity(child));
    if (at < 0) return child;
    const [kept] = before.splice(at, 1);
    if (kept.nodeType === Node.ELEMENT_NODE) update(kept, child);
    else if (kept.data !== child.data) kept.data = child.data;
    return kept;
  });
  for (const gone of before) gone.remove();
  after.forEach((child, at) => {
    const place = element.childNodes[at] ?? null;
    if (place !== child) element.insertBefore(child, place);
  });
}

function say(text, link) {
  live.hidden = !text;
  live.replaceChildren(text);
  if (link) live.append(" ", link);
}

let source;
let later;
// A browser opens few connections to a server: a page that nobody sees keeps none. The first event tells what it missed.
function listen() {
  clearTimeout(later);
  source?.close();
  if (document.hidden) return;
  const stream = new EventSource(root.dataset.events);
  source = stream;
  stream.addEventListener("steps", (event) => {
    say("");
    show(JSON.parse(event.data));
  });
  stream.onerror = () => (stream.readyState === EventSource.CLOSED ? refused(stream) : interrupted());
}

function interrupted() {
  say("The connection to the server is interrupted; trying again…");
}

// A refusal closes a stream for good and does not say why: its address, asked without the stream, does.
async function refused(stream) {
  const answer = await fetch(root.dataset.events, { redirect: "manual" }).catch(() => null);
  answer?.body?.cancel();
  if (stream !== source) return;
  if (answer?.status === 401 || answer?.type === "opaqueredirect") {
    const login = document.createElement("a");
    login.href = `/auth/login?next=${encodeURIComponent(location.pathname)}`;
    login.textContent = "Log in";
    say("Your session has ended.", login);
  } else if (answer?.status === 403 || answer?.status === 404) {
    say("This workflow does not exist any more, or is not yours.");
  } else {
    interrupted();
    later = setTimeout(listen, 5000);
  }
}

listen();
document.addEventListener("visibilitychange", listen);
// A page that is left keeps no stream open, and a page that comes back listens again.
addEventListener("pagehide", () => source?.close());
addEventListener("pageshow", (event) => event.persisted && listen());

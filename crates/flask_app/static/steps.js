// Keeps the steps page true while it is open: the server sends what changed.
const root = document.querySelector("[data-events]");
const live = document.querySelector("[data-live]");
const places = { steps_table: "steps-table", assets_table: "assets-table", diagram: "diagram" };
let shown = {};

function show(fragments) {
  for (const [name, id] of Object.entries(places)) {
    if (shown[name] === fragments[name]) continue;
    shown[name] = fragments[name];
    replace(document.getElementById(id), fragments[name]);
  }
}

// Puts in the new content, and keeps what is open and focused.
function replace(place, html) {
  const open = [...place.querySelectorAll("tr[id] details[open]")].map((details) => details.closest("tr").id);
  const focused = place.contains(document.activeElement) ? mark(document.activeElement) : null;
  place.innerHTML = html;
  for (const id of open) place.querySelector(`#${CSS.escape(id)} details`)?.setAttribute("open", "");
  if (focused) [...place.querySelectorAll("a, button, summary")].find((element) => mark(element) === focused)?.focus();
}

function mark(element) {
  return [element.closest("tr")?.id, element.tagName, element.getAttribute("href"), element.textContent.trim()].join("|");
}

function say(text) {
  live.hidden = !text;
  live.textContent = text;
}

let source;
function listen() {
  source = new EventSource(root.dataset.events);
  source.addEventListener("steps", (event) => {
    say("");
    show(JSON.parse(event.data));
  });
  source.onerror = () => {
    say("The connection to the server is interrupted; trying again…");
    // A refusal closes the stream for good: the session has ended, or the workflow is gone.
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, 5000);
  };
}
listen();
// A page that is left keeps no stream open, and a page that comes back listens again.
addEventListener("pagehide", () => source.close());
addEventListener("pageshow", (event) => event.persisted && listen());

// What every page does beyond plain HTML; every page works without it.

// Long-running submits: one click, one request.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  if (form.method === "post" && !form.dataset.script) {
    form.dataset.sent = "yes";
    // Back from the browser's cache, the form may be sent again.
    window.addEventListener("pageshow", () => delete form.dataset.sent, { once: true });
  }
});

// Menus close on Escape and on a click elsewhere.
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") for (const menu of document.querySelectorAll("details.menu[open]")) {
    menu.open = false;
    menu.querySelector("summary")?.focus();
  }
});
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

/// The token that changing requests of scripts carry.
export function token() {
  return document.querySelector("meta[name=csrf-token]")?.content ?? "";
}

// Completes the receiver's name as one types.
const input = document.querySelector("#Username");
const names = document.querySelector("#names");
let latest = 0;
input.addEventListener("input", async () => {
  const turn = ++latest;
  const response = await fetch(`/users?prefix=${encodeURIComponent(input.value)}`);
  if (!response.ok || turn !== latest) return;
  names.replaceChildren(...(await response.json()).map((name) => new Option(name, name)));
});

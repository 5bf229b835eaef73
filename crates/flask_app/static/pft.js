// The table of vegetation: totals as one types, rows added and removed. The server checks it all again.
const form = document.querySelector("[data-pft]");
const body = form.querySelector("tbody");
const verdict = form.querySelector("[data-verdict]");
const submit = form.querySelector("button.primary");
const possible = !submit.disabled;

const number = (text) => (text.trim() === "" ? 0 : Number(text.trim().replace(",", ".")));

function check() {
  const problems = [];
  let previous = 0;
  const rows = [...body.rows];
  rows.forEach((row, index) => {
    const [latitude, ...shares] = row.querySelectorAll("input");
    let sum = 0;
    for (const input of shares) {
      const value = number(input.value);
      const good = value >= 0 && value <= 100;
      input.classList.toggle("bad", !good);
      input.classList.toggle("empty", value === 0);
      sum += value;
    }
    sum = Math.round(sum * 1e6) / 1e6;
    const output = row.querySelector("output");
    output.textContent = Number.isFinite(sum) ? `${sum} %` : "?";
    output.classList.toggle("bad", sum !== 100);
    if (sum !== 100) problems.push(`row ${index + 1} adds up to ${output.textContent}`);
    const upTo = number(latitude.value);
    const last = index === rows.length - 1;
    const ordered = upTo > previous && upTo <= 90 && (!last || upTo === 90);
    latitude.classList.toggle("bad", !ordered);
    if (!ordered) problems.push(last ? "the last row has to reach 90°" : `row ${index + 1}: latitudes have to increase, up to 90°`);
    previous = upTo;
    row.querySelector("[data-remove]").hidden = rows.length === 1;
  });
  verdict.textContent = problems.length ? `To correct: ${problems.join("; ")}.` : "Every row adds up to 100 %.";
  submit.disabled = !possible || problems.length > 0;
}

body.addEventListener("input", check);
body.addEventListener("click", (event) => {
  const button = event.target.closest("[data-remove]");
  if (!button) return;
  const row = button.closest("tr");
  const next = row.nextElementSibling ?? row.previousElementSibling;
  row.remove();
  next?.querySelector("input").focus();
  check();
});

const add = form.querySelector("[data-add]");
add.hidden = false;
add.addEventListener("click", () => {
  // A new row before the last, halfway between its neighbours.
  const rows = [...body.rows];
  const last = rows.at(-1);
  const row = last.cloneNode(true);
  const before = rows.length > 1 ? number(rows.at(-2).querySelector("input").value) : 0;
  const middle = (before + number(last.querySelector("input").value)) / 2;
  row.querySelector("input").value = Number.isFinite(middle) ? Math.round(middle * 10) / 10 : "";
  body.insertBefore(row, last);
  row.querySelector("input").focus();
  check();
});
check();

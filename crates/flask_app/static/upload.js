// Shows how far an upload is. Without this module the form is sent by the browser itself.
const form = document.querySelector("[data-upload]");
const area = form.querySelector("[data-progress]");
const bar = area.querySelector("progress");
const text = area.querySelector("span");
form.dataset.script = "yes";

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const request = new XMLHttpRequest();
  const button = form.querySelector("button.primary");
  button.disabled = true;
  area.hidden = false;
  request.upload.addEventListener("progress", ({ loaded, total }) => {
    bar.value = (100 * loaded) / total;
    text.textContent = loaded < total ? `${Math.round((100 * loaded) / total)} %` : "The file is being looked at…";
  });
  request.addEventListener("load", () => {
    if (request.status === 200 && request.responseURL && !request.responseURL.endsWith("/upload")) {
      location.assign(request.responseURL);
      return;
    }
    // The form again, with what has to be corrected, or a page that says what happened.
    const page = new DOMParser().parseFromString(request.responseText, "text/html");
    const errors = [...page.querySelectorAll(".error, .lead")].map((element) => element.textContent);
    const told = page.querySelector(".error") ? [...page.querySelectorAll(".error")].map((e) => e.textContent) : errors;
    fail(told.join(" ") || `The server answered with ${request.status}.`);
  });
  request.addEventListener("error", () => fail("The connection broke. Please try again."));
  function fail(message) {
    button.disabled = false;
    area.hidden = true;
    let note = form.querySelector("#file-error");
    if (!note) {
      note = document.createElement("span");
      note.className = "error";
      note.id = "file-error";
      form.querySelector("#file").after(note);
    }
    note.setAttribute("role", "alert");
    note.textContent = message;
  }
  request.open("POST", form.action);
  // The page that the answer leads to is shown by the browser, with the message that belongs to it.
  request.setRequestHeader("X-Requested-With", "XMLHttpRequest");
  request.send(new FormData(form));
});

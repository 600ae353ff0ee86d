// "The phone can't connect?": opening it has the station look at itself, and so does a phone that
// had its code confirmed and then does not come.

const trouble = document.querySelector("[data-doctor]");
const report = document.querySelector("[data-doctor-report]");
const again = document.querySelector("[data-doctor-again]");
const say = document.querySelector("[data-doctor-say]"); // not the station's, which it may clear meanwhile
const stalled = new Set();

function shownAddress() {
  return document.querySelector("[data-address]")?.dataset.address ?? "";
}

async function examine() {
  if (report.ariaBusy === "true") return;
  report.ariaBusy = "true";
  again.setAttribute("aria-disabled", "true");
  const query = new URLSearchParams({ part: "", address: shownAddress() });
  try {
    const answer = await fetch(`${trouble.dataset.doctor}?${query}`);
    if (answer.redirected) return location.reload(); // signed out
    if (!answer.ok) return;
    report.innerHTML = await answer.text();
    say.textContent = report.querySelector(".verdict").textContent; // the rest is there to read
  } catch {
    // The station is gone: the page says so elsewhere, and what was found before still stands.
  } finally {
    report.ariaBusy = "false";
    again.removeAttribute("aria-disabled");
  }
}

trouble.addEventListener("toggle", () => {
  if (trouble.open) examine();
});

again.addEventListener("click", (event) => {
  event.preventDefault();
  examine();
});

/** Once for each phone that does not come; whoever closed it since is left alone. */
function openWhenStalled() {
  const session = document.querySelector("[data-stalled]")?.dataset.stalled;
  if (!session || stalled.has(session)) return;
  stalled.add(session);
  if (trouble.open) examine();
  else trouble.open = true;
}

const trail = document.querySelector('[data-part="trail"]');
new MutationObserver(openWhenStalled).observe(trail, { childList: true });
openWhenStalled();

// Buttons that copy a field: <button data-copy="ID of the field" data-copied="Copied">.

const SHOWN_MS = 2000;

export function watchCopyButtons(root) {
  root.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (button && (await copy(document.getElementById(button.dataset.copy)))) confirm(button);
  });
}

/** The clipboard API is for secure contexts only; plain http in the LAN has the old command. */
async function copy(field) {
  if (navigator.clipboard) {
    try {
      await navigator.clipboard.writeText(field.value);
      return true;
    } catch {
      // Refused by the browser: the selection below may still be allowed.
    }
  }
  field.select();
  return document.execCommand("copy");
}

function confirm(button) {
  const text = button.textContent;
  if (text === button.dataset.copied) return;
  button.textContent = button.dataset.copied;
  setTimeout(() => {
    button.textContent = text;
  }, SHOWN_MS);
}

// The recovery sheet's print button; without JavaScript the browser's own menu prints.

const button = document.querySelector("[data-print]");
button.hidden = false;
button.addEventListener("click", () => window.print());

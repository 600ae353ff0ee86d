// A picture without a thumbnail (no picture after all, or damaged) is shown by its name.

export function replaceBrokenPictures(root) {
  for (const picture of root.querySelectorAll(".picture img")) {
    if (picture.complete && picture.naturalWidth === 0 && picture.currentSrc) replace(picture);
    else picture.addEventListener("error", () => replace(picture), { once: true });
  }
}

function replace(picture) {
  const link = picture.closest("a");
  const name = document.createElement("bdi");
  name.textContent = picture.alt;
  link?.classList.replace("picture", link.closest(".tile") ? "tile-file" : "file");
  picture.replaceWith(name);
}

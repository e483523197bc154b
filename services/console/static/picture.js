// Lays the box of the plate over the picture, whose size in pixels only the browser knows.
"use strict";

const picture = document.getElementById("picture");
const box = document.getElementById("box");

function layBox() {
  box.setAttribute("viewBox", `0 0 ${picture.naturalWidth} ${picture.naturalHeight}`);
}

if (picture.complete) {
  layBox();
} else {
  picture.addEventListener("load", layBox);
}

"use strict";
const one = (selector, within) => (within || document).querySelector(selector);
const all = (selector, within) => [...(within || document).querySelectorAll(selector)];
const tests = all("details.test"), search = one("#q"), suite = one("#suite");
const packs = JSON.parse(one("#packs").textContent), opened = new Map();

// A pack is gzip in base64 of a list of fragments; its text was escaped when it was made.
async function unpack(number) {
  const bytes = Uint8Array.from(atob(packs[number]), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

async function fill(test) {
  const { pack, fragment } = test.dataset;
  if (!test.open || pack === undefined || test.dataset.filled) return;
  test.dataset.filled = "yes";
  if (!opened.has(pack)) opened.set(pack, unpack(pack));
  const body = one(".body", test);
  try {
    body.innerHTML = (await opened.get(pack))[fragment];
  } catch (error) {
    body.textContent = `The details cannot be unpacked by this browser (${error.message}).`;
  }
}

// Every word has to be there; one with a minus must not.
function matches(text, query) {
  return query.toLowerCase().split(/\s+/).filter(Boolean).every((word) =>
    word.length > 1 && word[0] === "-" ? !text.includes(word.slice(1)) : text.includes(word));
}

function text(node) {
  node.words ||= `${one("summary", node)?.textContent ?? node.textContent} ${node.dataset.words ?? ""}`.toLowerCase();
  return node.words;
}

function narrow() {
  const wanted = new Set(all("[data-status][aria-pressed=true]").map((button) => button.dataset.status));
  let shown = 0;
  for (const test of tests) {
    const { status, suite: of } = test.dataset;
    test.hidden = !(wanted.has(status) && (!suite.value || of === suite.value) && matches(text(test), search.value));
    shown += !test.hidden;
  }
  one("#count").textContent = `${shown} of ${tests.length} tests`;
  one("#none").hidden = shown > 0;
}

function clear() {
  search.value = suite.value = "";
  all("[data-status][aria-pressed]").forEach((button) => button.setAttribute("aria-pressed", "true"));
  narrow();
  search.focus();
}

function reveal() {
  const test = /^#t\d+$/.test(location.hash) && one(location.hash);
  if (test) { test.open = true; test.scrollIntoView(); }
}

tests.forEach((test) => { test.addEventListener("toggle", () => fill(test)); fill(test); });
search.addEventListener("input", narrow);
suite.addEventListener("change", narrow);
one("#clear").addEventListener("click", clear);
one("#tools").addEventListener("submit", (event) => event.preventDefault());
all("[data-filter]").forEach((input) => input.addEventListener("input", () => {
  all("tr", one(`#${input.dataset.filter}`)).forEach((row) => { row.hidden = !matches(text(row), input.value); });
}));
document.addEventListener("click", async (event) => {
  const button = event.target.closest("button");
  if (button?.dataset.status) {
    button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
    narrow();
  } else if (button && "copy" in button.dataset) {
    const code = button.previousElementSibling;
    getSelection().selectAllChildren(code);
    try { await navigator.clipboard.writeText(code.textContent); button.textContent = "copied"; } catch { button.textContent = "selected"; }
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && !/INPUT|SELECT/.test(event.target.tagName)) { event.preventDefault(); search.focus(); }
  if (event.key === "Escape" && event.target === search) clear();
});
addEventListener("hashchange", reveal);
one("#tools").hidden = false;
narrow();
reveal();

/* What a page needs of a script: a button that copies code, and the keyboard for what scrolls sideways. */
"use strict";

const said = document.createElement("p"); // one node that stays: a screen reader speaks what changes in it
said.className = "visually-hidden";
said.setAttribute("role", "status");

/* of a doctest, what is typed: without prompts and answers */
function codeOf(pre) {
  const lines = pre.textContent.split("\n");
  if (!lines[0].startsWith(">>>")) return pre.textContent.trimEnd();
  const typed = lines.filter((line) => /^(>>>|\.\.\.)( |$)/.test(line));
  return typed.map((line) => line.slice(4)).join("\n");
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // a page from an unsafe address has no clipboard
    const area = document.body.appendChild(document.createElement("textarea"));
    area.value = text;
    area.select();
    document.execCommand("copy");
    area.remove();
  }
}

function addButton(pre) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy-code";
  button.title = "Copy this code";
  button.setAttribute("aria-label", "Copy this code");
  button.innerHTML =
    '<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M9 9h11v11H9zM5 15H4V4h11v1"/></svg>';
  button.addEventListener("click", async () => {
    await copy(codeOf(pre));
    button.focus();
    button.classList.add("copied");
    said.textContent = "Copied.";
    setTimeout(() => {
      button.classList.remove("copied");
      said.textContent = "";
    }, 2000);
  });
  pre.parentElement.append(button);
}

/* what scrolls can be reached by the keyboard, and says what it is; what fits is no stop on the way */
const SCROLLS = {
  "div.highlight > pre": "code",
  ".table-wrapper": "table",
  ".cell_output .text_html, .live-more": "table",
  ".cell_output, .live-picture, .wide": "figure",
};

function setStops() {
  for (const [selector, what] of Object.entries(SCROLLS)) {
    for (const part of document.querySelectorAll(`article :is(${selector})`)) {
      const scrolls = part.scrollWidth > part.clientWidth + 1;
      const attributes = { tabindex: "0", role: "group", "aria-label": `${what}, scrolls sideways` };
      for (const [name, value] of Object.entries(attributes)) {
        if (scrolls) part.setAttribute(name, value);
        else part.removeAttribute(name);
      }
    }
  }
}

document.addEventListener("DOMContentLoaded", () => {
  const article = document.querySelector("article");
  article.append(said);
  article
    .querySelectorAll(":is([class*='highlight-'], .doctest):not(.cell_output *) > .highlight > pre")
    .forEach(addButton);
  new ResizeObserver(setStops).observe(article);
  window.addEventListener("load", setStops);
});

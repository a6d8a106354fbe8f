// A guess, and the score of a notebook's guesses: all in the browser, which remembers what was guessed.

const STORE = "d2lparams.guess.";
const CHANGED = "d2lparams-guess";
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const GROUPED = /^[+-]?[1-9]\d{0,2}([.,]\d{3})+$/; // 65,792
const KEYS = ["Enter", " ", "ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight"];

// where the browser stores nothing, the page remembers until it is loaded anew
const page = (window.d2lparamsGuesses ??= new Map());

function remembered(key) {
  if (page.has(key)) return page.get(key);
  try {
    return localStorage.getItem(STORE + key);
  } catch {
    return null;
  }
}

function remember(key, text) {
  page.delete(key);
  try {
    if (text === null) localStorage.removeItem(STORE + key);
    else localStorage.setItem(STORE + key, text);
  } catch {
    page.set(key, text);
  }
  window.dispatchEvent(new CustomEvent(CHANGED));
}

function follow(update) {
  for (const event of [CHANGED, "storage"]) window.addEventListener(event, update); // storage: by another page
  return () => {
    for (const event of [CHANGED, "storage"]) window.removeEventListener(event, update);
  };
}

// A text's numbers: 0,5 is 0.5, and 65,792 may be either.
export function numbers(text, unit = "") {
  let bare = text.trim();
  if (unit && bare.endsWith(unit)) bare = bare.slice(0, -unit.length);
  bare = bare.replace(/[\s_]/g, "").replace("\u2212", "-");
  const readings = [bare.replace(",", ".")];
  if (GROUPED.test(bare)) readings.push(bare.replace(/[.,]/g, ""));
  return readings.filter((reading) => NUMBER.test(reading)).map(Number);
}

// Whether a question can be answered so.
const fits = ({ choices, unit }, text) =>
  text !== null && (choices ? choices.includes(text) : numbers(text, unit).length > 0);

export function isRight({ choices, answer, within, unit }, text) {
  if (choices) return text === answer;
  return numbers(text, unit).some((x) => Math.abs(x - answer) <= (within + 1e-9) * Math.abs(answer));
}

function element(tag, properties = {}, ...inside) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...inside);
  return made;
}

// What stands between backticks is code.
function withCode(text) {
  return text.split(/`([^`]+)`/).map((part, i) => (i % 2 ? element("code", {}, part) : part));
}

// A place whose new words a screen reader says.
const liveRegion = () => element("div", { role: "status", ariaLive: "polite" });

function renderGuess(question, el) {
  const { key, asks, choices, unit, answer, why } = question;
  const legend = element("legend", {}, ...withCode(asks));
  const unitWords = element("span", {}, ...withCode(unit ?? ""));
  const inputs = choices
    ? choices.map((choice) => element("input", { type: "radio", name: "guess", value: choice }))
    : [element("input", { type: "text", inputMode: "decimal", autocomplete: "off", spellcheck: false })];
  const tags = inputs.map(() => element("strong")); // "your guess", "the answer"
  const labels = choices
    ? choices.map((choice, i) => element("label", {}, inputs[i], element("span", {}, ...withCode(choice)), tags[i]))
    : [element("label", { className: "number" }, "Your number", inputs[0], unitWords)];
  const commit = element("button", { type: "submit" });
  const forget = element("button", { type: "button" }, "Forget");
  forget.title = "Forget this answer, and guess again";
  const result = liveRegion();
  const fields = element("fieldset", {}, legend, ...labels);
  const form = element("form", { className: "guess-form", noValidate: true }, fields, commit, forget, result);
  let shown; // what stands on the page: undefined at first, null if nothing was guessed

  const typed = () => (choices ? (inputs.find((input) => input.checked)?.value ?? null) : inputs[0].value.trim());

  function show() {
    const stored = remembered(key);
    const guessed = fits(question, stored) ? stored : null;
    if (guessed === shown) return;
    shown = guessed;
    const done = guessed !== null;
    const focused = form.contains(document.activeElement);
    if (choices) {
      inputs.forEach((input, i) => {
        input.checked = input.value === guessed;
        const words = [done && input.checked && "your guess", done && input.value === answer && "the answer"];
        tags[i].textContent = words.filter(Boolean).length ? `← ${words.filter(Boolean).join(", ")}` : "";
      });
    } else {
      inputs[0].value = guessed ?? "";
    }
    if (done && focused) commit.focus(); // before the fields go out of use, and the focus with them
    fields.disabled = done;
    commit.textContent = done ? "Committed" : "Commit";
    commit.setAttribute("aria-disabled", done);
    forget.hidden = !done;
    if (!done && focused) inputs[0].focus();
    result.replaceChildren(...(done ? verdict(guessed) : []));
  }

  function verdict(guessed) {
    const right = isRight(question, guessed);
    const mark = element("span", { className: `mark ${right ? "right" : "wrong"}` }, right ? "✓ Right." : "✗ Not right.");
    const exact = choices ? right : numbers(guessed, unit).includes(answer);
    const told = choices ? answer : `${answer.toLocaleString("en-US", { maximumSignificantDigits: 6 })} ${unit}`;
    const line = element("p", {}, mark, ...(exact ? [] : [" The answer is: ", ...withCode(told)]));
    return [line, element("p", {}, ...withCode(why))];
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (shown !== null) return;
    if (fits(question, typed())) remember(key, typed());
    else if (choices) result.textContent = "Choose an answer first.";
    else if (!typed()) result.textContent = "Write a number first.";
    else result.textContent = `“${typed()}” is no number. Write it in digits, like 12, 0.5 or 1e-3.`;
  });
  forget.addEventListener("click", () => remember(key, null));
  form.addEventListener("keydown", (event) => {
    // the notebook around it would take these keys, and move to another cell
    if (KEYS.includes(event.key) && !(event.ctrlKey || event.metaKey || event.altKey || event.shiftKey)) {
      event.stopPropagation();
    }
  });
  el.append(form);
  show();
  return follow(show);
}

function renderScore(guesses, el) {
  const words = liveRegion();
  const show = () => {
    const answered = guesses.map((question) => [question, remembered(question.key)]).filter((pair) => fits(...pair));
    const right = answered.filter((pair) => isRight(...pair)).length;
    const open = guesses.length - answered.length;
    const rest = open ? ` ${open} ${open === 1 ? "is" : "are"} still open.` : "";
    const text = `You predicted ${right} of ${guesses.length}.${rest}`;
    if (words.textContent !== text) words.textContent = text;
  };
  el.append(element("div", { className: "guess-form" }, words));
  show();
  return follow(show);
}

export default {
  render({ model, el }) {
    const content = model.get("content");
    window.d2lparamsKeep?.(model.widget_manager); // in Jupyter, where kept.js goes before this
    return content.guesses ? renderScore(content.guesses, el) : renderGuess(content, el);
  },
};

// Figures and guesses on a page without a kernel: controls in HTML around the drawing code that a notebook uses.
//
// A figure gives its rows of controls, `answer`, which is called when one was moved, and `picture`, which tells what to
// draw; live.py says where each stands on a page, and with which data.

const STILL = window.matchMedia("(prefers-reduced-motion: reduce)");
let made = 0; // controls, for their ids

function element(tag, properties = {}, ...inside) {
  const result = Object.assign(document.createElement(tag), properties);
  result.append(...inside);
  return result;
}

const escaped = (text) => element("span", { textContent: text }).innerHTML;

// What stands for an anywidget's model: a drawing asks it for what to draw, and is told of changes.
export function pageModel(state) {
  const listeners = new Set();
  return {
    get: (name) => state[name],
    set() {},
    save_changes() {},
    on: (event, listener) => event === "change" && listeners.add(listener),
    off: (event, listener) => listeners.delete(listener),
    show(changes) {
      Object.assign(state, changes);
      for (const listener of listeners) listener();
    },
  };
}

// ---- controls: each maker returns its parts, `set`, which takes what has changed, and what a player needs

const decimals = (step) => (String(step).split(".")[1] ?? "").length;

// A number that somebody typed, 0,5 or 1e-3, as a number; NaN if it is none.
const parsed = (text) => (text.trim() ? Number(text.trim().replace(",", ".").replace("\u2212", "-")) : NaN);

// The number nearest to x that a control with this least, greatest and step offers.
export function snapped(x, { min, max, step = 1 }) {
  const steps = Math.floor((max - min) / step + 1e-9);
  return Number((min + step * Math.min(Math.max(Math.round((x - min) / step), 0), steps)).toFixed(10));
}

function nearest(x, numbers) {
  return numbers.reduce((best, number, i) => (Math.abs(number - x) < Math.abs(numbers[best] - x) ? i : best), 0);
}

function list(control, changed) {
  const box = element("select", { id: `live-${++made}` });
  const label = element("label", { htmlFor: box.id, textContent: control.label });
  box.addEventListener("change", () => changed(box.value));
  const set = () => {
    const texts = [...box.options].map((option) => option.value);
    if (texts.length !== control.options.length || texts.some((text, i) => text !== control.options[i])) {
      box.replaceChildren(...control.options.map((text) => element("option", { value: text, textContent: text })));
    }
    box.value = control.value;
    box.disabled = Boolean(control.disabled);
  };
  return { parts: [label, box], set };
}

function slider(control, changed) {
  const bar = element("input", { type: "range", id: `live-${++made}` });
  const label = element("label", { htmlFor: bar.id, textContent: control.label });
  const range = () => {
    const { options, min = 0, max, step = 1 } = control;
    return options ? { min: 0, max: options.length - 1, step: 1 } : { min, max, step };
  };
  const shown = (value) => {
    const text = control.options ? control.options[value] : value.toFixed(decimals(range().step));
    return text.replace(/^-(?=\d)/, "\u2212");
  };
  const numbers = () => control.values ?? control.options?.map(parsed);
  const typed = numbers()?.some(Number.isNaN)
    ? element("output", { htmlFor: bar.id })
    : element("input", { type: "text", inputMode: "decimal", autocomplete: "off", ariaLabel: `${control.label}, typed` });
  const move = (value) => {
    bar.value = value;
    speak(value);
    changed(value);
  };
  const speak = (value) => {
    typed.value = shown(value);
    bar.setAttribute("aria-valuetext", typed.value);
  };
  bar.addEventListener("input", () => move(Number(bar.value)));
  typed.addEventListener("change", () => {
    const number = parsed(typed.value);
    if (Number.isNaN(number)) speak(control.value);
    else move(control.options ? nearest(number, numbers()) : snapped(number, range()));
  });
  const set = () => {
    Object.assign(bar, range(), { value: control.value, disabled: Boolean(control.disabled) });
    typed.disabled = bar.disabled;
    speak(control.value);
  };
  return { parts: [label, bar, typed], set, move, range };
}

function number(control, changed) {
  const { min, max, step = 1 } = control;
  const box = element("input", { type: "number", id: `live-${++made}` });
  const label = element("label", { htmlFor: box.id, textContent: control.label });
  box.addEventListener("change", () => {
    const typed = parsed(box.value);
    const value = Number.isNaN(typed) ? control.value : snapped(typed, { min, max, step, ...control });
    box.value = value;
    changed(value);
  });
  const set = () => {
    const { min, max, step = 1, value, disabled } = control;
    Object.assign(box, { min, max, step, value, disabled: Boolean(disabled) });
  };
  return { parts: [label, box], set };
}

function button(control, changed) {
  const box = element("button", { type: "button", textContent: control.label, title: control.title ?? "" });
  box.addEventListener("click", () => changed());
  const set = () => {
    box.disabled = Boolean(control.disabled);
  };
  return { parts: [box], set };
}

// Moves a slider from step to step; where motion is to be reduced, one step at a press.
function play(control, changed, { sliders, quiet }) {
  const box = element("button", { type: "button", title: control.title ?? "" });
  const bar = () => sliders[control.of];
  let timer = null;
  const name = () => {
    box.textContent = timer ? "pause" : STILL.matches ? `next ${control.each ?? "step"}` : control.label;
  };
  const stop = () => {
    clearInterval(timer);
    timer = null;
    quiet(false);
    name();
  };
  const forward = () => {
    const { value, range, move } = bar();
    const { min, max, step } = range();
    move(value() >= max ? min : value() + step);
    if (timer && value() >= max) stop();
  };
  box.addEventListener("click", () => {
    if (timer) return stop();
    if (!STILL.matches) {
      quiet(true);
      timer = setInterval(forward, control.interval ?? 100);
    }
    forward();
    name();
  });
  STILL.addEventListener("change", () => (timer ? stop() : name()));
  name();
  const set = () => {
    box.disabled = Boolean(control.disabled);
  };
  return { parts: [box], set, stop: () => timer && stop() };
}

const MAKERS = { list, slider, number, button, play };

// ---- a figure

// Show `figure` in `el`, drawn by `canvas`; both as their modules export them.
export function mount(el, figure, canvas) {
  const said = element("div", { className: "live-caption" });
  said.setAttribute("role", "status"); // it stays, and its words change
  const more = element("div", { className: "live-more" });
  const picture = element("div", { className: "live-picture" });
  const model = pageModel({});
  const sliders = {};
  const setters = {};
  const waiting = []; // [name, value] of each control that was moved and is not answered yet
  let turn = 0;
  const is = { touched: false, playing: false, answering: false };

  const listen = () => said.setAttribute("aria-live", is.touched && !is.playing ? "polite" : "off");
  const quiet = (on) => {
    is.playing = on;
    listen();
    if (!on) said.innerHTML = `${said.innerHTML}`; // says where it stopped
  };

  const show = () => {
    const { background, overlay, label, caption, more: rest = "" } = figure.picture();
    model.show({ background, overlay, label });
    if (said.shown !== caption) said.innerHTML = said.shown = caption;
    if (more.shown !== rest) more.innerHTML = more.shown = rest;
  };

  const answer = async (name, value) => {
    const mine = ++turn;
    try {
      const changes = await figure.answer(name, value);
      for (const [other, change] of Object.entries(changes ?? {})) setters[other](change);
      if (mine === turn && !waiting.length) show();
    } catch (error) {
      said.innerHTML = said.shown = `<b class="live-error">✗ ${escaped(error.message)}</b>`;
    }
  };

  const answerAll = async () => {
    is.answering = true;
    while (waiting.length) await answer(...waiting.shift());
    is.answering = false;
  };

  const moved = (control, value) => {
    is.touched = true;
    listen();
    if (value !== undefined) control.value = value;
    if (figure.hurries) return answer(control.name, value); // it gives up what is not done yet
    if (value !== undefined && waiting.at(-1)?.[0] === control.name) waiting.pop(); // the newest is enough
    waiting.push([control.name, value]);
    if (!is.answering) answerAll();
  };

  const rows = figure.rows.map((controls) => {
    const made = controls.map((given) => {
      const control = { ...given };
      const maker = MAKERS[control.kind](control, (value) => moved(control, value), { sliders, quiet });
      setters[control.name] = (change) => {
        Object.assign(control, change !== null && typeof change === "object" ? change : { value: change });
        maker.set();
      };
      if (control.kind === "slider") sliders[control.name] = { ...maker, value: () => control.value };
      maker.set();
      return element("span", { className: `live-control live-${control.kind}` }, ...maker.parts);
    });
    return element("div", { className: "live-row" }, ...made);
  });
  listen();
  show();
  el.append(...rows, picture, said, more, element("p", { className: "live-note", textContent: figure.note ?? "" }));
  el.setAttribute("role", "group");
  el.setAttribute("aria-label", figure.name ?? "interactive figure");
  canvas.render({ model, el: picture });
}

// ---- the page

// Bring to life what live.py has left a place for. What stood there until now, a picture or words, goes.
export async function mountAll(modules) {
  for (const el of document.querySelectorAll("[data-live]")) {
    const { live, still, content } = el.dataset;
    const data = JSON.parse(content);
    try {
      if (live === "guess") modules.guess.main.render({ model: pageModel({ content: data }), el });
      else mount(el, await modules[live][live](data), modules.canvas.main);
      const [kind, i] = still.split(" ");
      el.closest(".cell_output").querySelectorAll(kind)[i].hidden = true;
    } catch (error) {
      el.remove(); // the still picture stays
      console.error(error);
    }
  }
}

if (window.d2lparams?.canvas || window.d2lparams?.guess) mountAll(window.d2lparams);

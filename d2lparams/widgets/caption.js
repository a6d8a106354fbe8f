// The words below a picture, and what a figure owes to its page: names for its controls, numbers that are typed, and
// whether its kernel lives.

const DEAD = "These controls do nothing: the kernel that drew this figure is gone. Run the cell again to bring it to life.";
const GONE = ["restarting", "autorestarting", "terminating", "dead"]; // what Jupyter says of a kernel
const BUTTONS = { play: "play", pause: "pause", stop: "stop", retweet: "repeat" }; // of a player, by their icons
const UNSEEN = "position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap";
const QUIET = 500; // milliseconds: what changes again meanwhile is not said

function element(tag, attributes) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

// Where the kernel is gone, the controls beside a picture are grayed and out of reach, and a line says why.
function showWhetherAlive(figure, isDead) {
  for (const row of figure.querySelectorAll(".widget-hbox")) {
    row.inert = isDead;
    row.style.opacity = isDead ? 0.4 : "";
  }
  let words = figure.querySelector(":scope > .d2lparams-dead");
  if (!words) figure.prepend((words = element("div", { class: "d2lparams-dead", role: "status" })));
  const text = isDead ? DEAD : "";
  if (words.textContent !== text) words.textContent = text;
}

function setAttribute(node, name, value) {
  if (node && node.getAttribute(name) !== value) node.setAttribute(name, value);
}

// Say what Jupyter's controls don't: the name of a slider, its value as it is shown, what a player's buttons do.
function nameControls(figure) {
  for (const box of figure.querySelectorAll(".widget-slider")) {
    const label = box.querySelector(".widget-label")?.textContent ?? "";
    const readout = box.querySelector(".widget-readout");
    const handle = box.querySelector(".noUi-handle");
    setAttribute(handle, "aria-label", label);
    if (readout) setAttribute(handle, "aria-valuetext", readout.textContent);
    if (readout?.isContentEditable) {
      setAttribute(readout, "role", "textbox");
      setAttribute(readout, "aria-label", `${label}, typed`);
    }
  }
  for (const player of figure.querySelectorAll(".widget-play")) {
    for (const [icon, name] of Object.entries(BUTTONS)) {
      setAttribute(player.querySelector(`.fa-${icon}`)?.closest("button"), "aria-label", name);
    }
  }
}

// Take a number that was typed beside a slider as it is meant: 2,5 is 2.5, and where only some are offered, the nearest is
// used and shown. Jupyter's own reads 2, and lets stand what is not offered.
function takeTyped(event, readout, options) {
  const typed = readout.textContent.trim().replace(",", ".").replace("\u2212", "-");
  if (!options) {
    if (typed !== readout.textContent) readout.textContent = typed; // which Jupyter's own reads next
    return;
  }
  event.preventDefault(); // of a new line
  const slider = readout.closest(".widget-slider").querySelector(".noUi-target").noUiSlider;
  const distances = options.map((option) => Math.abs(Number(option) - (typed ? Number(typed) : NaN)));
  const nearest = distances.indexOf(Math.min(...distances));
  const used = nearest < 0 ? Number(slider.get()) : nearest; // it is -1 where no number was typed
  slider.set(used);
  readout.textContent = options[used];
}

// Listen to what is typed in a figure; `offered` tells what a slider offers, by its label.
function listen(figure, offered) {
  const shown = new WeakMap(); // what stood there before
  const options = (readout) => offered()[readout.closest(".widget-slider").querySelector(".widget-label").textContent];
  const on = (type, answer) => {
    const hear = (event) => event.target.matches?.(".widget-slider .widget-readout") && answer(event, event.target);
    figure.addEventListener(type, hear, true); // before Jupyter's own
  };
  on("focus", (_, readout) => shown.set(readout, readout.textContent));
  on("keydown", (event, readout) => {
    if (event.key !== "Enter") return;
    takeTyped(event, readout, options(readout));
    setTimeout(() => shown.set(readout, readout.textContent));
  });
  on("blur", (_, readout) => {
    if (shown.get(readout) === readout.textContent) return;
    readout.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", keyCode: 13, bubbles: true, cancelable: true }));
  });
}

// Call `answer` when the kernel that a widget's manager speaks to is gone; return how to leave off.
function onceGone(manager, answer) {
  const session = manager?.context?.sessionContext;
  if (!session?.statusChanged || !session.kernelChanged) return () => {};
  const hear = (_, status) => GONE.includes(status) && answer();
  const change = (_, { oldValue }) => oldValue && answer();
  session.statusChanged.connect(hear);
  session.kernelChanged.connect(change);
  return () => {
    session.statusChanged.disconnect(hear);
    session.kernelChanged.disconnect(change);
  };
}

export default {
  render({ model, el }) {
    window.d2lparamsKeep(model.widget_manager);
    const words = element("div", { class: "widget-html-content" });
    const said = element("div", { role: "status", style: UNSEEN });
    const alarm = element("div", { role: "alert", style: UNSEEN });
    el.append(words, said, alarm);
    const write = () => (words.innerHTML = model.get("value"));
    let waiting;
    const speak = () => {
      clearTimeout(waiting);
      const [node, other] = model.get("is_error") ? [alarm, said] : [said, alarm];
      other.textContent = "";
      waiting = setTimeout(() => {
        if (node.textContent !== model.get("said")) node.textContent = model.get("said");
      }, QUIET);
    };
    write();
    model.on("change:value", write);
    model.on("change:said", speak);

    // a sign of life, every so often, from a page that shows this figure; not from one that is about to leave
    let beating;
    let isLeaving = false;
    const send = () => !isLeaving && model.get("beat") && model.send({ alive: true, hidden: document.hidden });
    const beat = () => {
      clearInterval(beating);
      if (!model.get("beat")) return;
      send();
      beating = setInterval(send, 1000 * model.get("beat"));
    };
    const leave = ({ type }) => (isLeaving = type === "pagehide");
    beat();
    model.on("change:beat", beat);
    document.addEventListener("visibilitychange", send);
    for (const event of ["pagehide", "pageshow"]) window.addEventListener(event, leave);

    let isGone = false;
    let observer;
    const figure = () => el.closest(".widget-vbox");
    const look = () => {
      const box = figure();
      if (!box) return;
      showWhetherAlive(box, isGone || Boolean(el.closest(".jupyter-widgets-disconnected")));
      nameControls(box);
      if (observer) return;
      listen(box, () => model.get("offered"));
      observer = new MutationObserver(() => nameControls(box));
      const attributeFilter = ["aria-valuetext", "class"];
      observer.observe(box, { subtree: true, childList: true, characterData: true, attributes: true, attributeFilter });
    };
    const lookSoon = () => setTimeout(look); // after the page's own answer to it
    const forget = onceGone(model.widget_manager, () => {
      isGone = isLeaving = true;
      lookSoon();
    });
    model.on("comm_live_update", lookSoon);
    lookSoon();
    return () => {
      clearTimeout(waiting);
      clearInterval(beating);
      observer?.disconnect();
      forget();
      model.off("change:value", write);
      model.off("change:said", speak);
      model.off("change:beat", beat);
      model.off("comm_live_update", lookSoon);
      document.removeEventListener("visibilitychange", send);
      for (const event of ["pagehide", "pageshow"]) window.removeEventListener(event, leave);
    };
  },
};

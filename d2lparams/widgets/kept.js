// A notebook keeps what its figures show: stored with it when it is saved, shown when it is opened the next day.
// Jupyter's own "save widget state" does so too, if asked to, but forgets all when a notebook is saved without a kernel.

const STATE = "application/vnd.jupyter.widget-state+json";
const VIEW = "application/vnd.jupyter.widget-view+json";

// The models that a notebook's outputs show.
function* shownIn(cells) {
  for (const cell of cells) {
    for (let i = 0; i < (cell.outputs?.length ?? 0); i++) {
      const view = cell.outputs.get(i).data?.[VIEW];
      if (view?.model_id) yield view.model_id;
    }
  }
}

// Of a stored state, each of `roots` that has something of this package in it, with all that it is made of.
function ours(state, roots) {
  const found = {};
  for (const root of roots) {
    const parts = new Set([root]);
    let isOurs = false;
    for (const id of parts) {
      if (!state[id]) {
        parts.delete(id);
        continue;
      }
      const words = JSON.stringify(state[id].state);
      for (const [, part] of words.matchAll(/IPY_MODEL_([\w-]+)/g)) parts.add(part);
      isOurs ||= state[id].state._anywidget_id?.startsWith("d2lparams.");
    }
    if (isOurs) for (const id of parts) found[id] = state[id];
  }
  return found;
}

// See to it that the notebook around a widget keeps it; `manager` is Jupyter's of its widgets. Elsewhere, do nothing.
window.d2lparamsKeep = (manager) => {
  const notebook = manager?.context;
  const known = (window.d2lparamsNotebooks ??= new WeakSet());
  if (!notebook?.saveState?.connect || !notebook.model?.getMetadata || known.has(notebook)) return;
  known.add(notebook);
  const stored = () => notebook.model.getMetadata("widgets")?.[STATE]?.state ?? {};
  let kept = ours(stored(), Object.keys(stored()));
  notebook.saveState.connect((_, phase) => {
    if (phase !== "started") return;
    const now = { ...kept, ...manager.get_state_sync({ drop_defaults: true }).state }; // which has no dead models
    const shown = ours(now, shownIn(notebook.model.cells));
    const before = stored();
    const others = Object.fromEntries(Object.entries(before).filter(([id]) => !(id in kept) && !(id in shown)));
    kept = shown;
    const state = { ...others, ...shown };
    if (JSON.stringify(state) === JSON.stringify(before)) return;
    if (Object.keys(state).length) {
      notebook.model.setMetadata("widgets", { [STATE]: { version_major: 2, version_minor: 0, state } });
    } else {
      notebook.model.deleteMetadata("widgets");
    }
  });
};

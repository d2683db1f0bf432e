// The page of a run: what its stream tells goes to the parts of the page that it changes.
import { connect } from "./live.js";
import { refresher } from "./refresh.js";
import { announce, word } from "./dom.js";
import { Grid } from "./grid.js";
import { Tail } from "./tail.js";
import { startActions } from "./acts.js";

export function startRun(live) {
  const root = document.getElementById("live");
  const api = root.dataset.api;
  const run = root.dataset.run;
  const state = { view: null };
  const tail = new Tail(document.getElementById("tail"));
  let grid = null;

  const follow = () => {
    const cells = document.getElementById("cells");
    if (cells && (!grid || grid.root !== cells)) grid = new Grid(cells, { api, run, state });
    else grid?.take();
  };
  const refresh = refresher(follow);
  startActions({ run, api, refresh });
  follow();

  connect(live, {
    open: (again) => {
      if (!again) return;
      refresh();
      grid?.reload();
      tail.reload(api);
    },
    on: {
      run: (view) => {
        tell(state.view, view);
        state.view = view;
        refresh();
      },
      items: (change) => grid?.change(change),
      event: (event) => tail.add(event),
      gone: () => refresh(),
    },
  });
}

// tell says what matters to those who listen: a new status, a question, each tenth of the way.
function tell(before, now) {
  if (!before || now.error) return;
  if (before.status !== now.status) announce("The run is now: " + word(now.status) + (now.reason ? ", " + now.reason : ""));
  else if (Math.floor(before.progress / 10) !== Math.floor(now.progress / 10)) announce(Math.floor(now.progress) + " percent");
}

// The pages are whole without this. It keeps them as the runs are, and lets a reader act.
import { connect } from "./live.js";
import { refresher } from "./refresh.js";
import { startClocks } from "./clocks.js";
import { startTheme } from "./themes.js";
import { startRun } from "./run.js";
import { startEdit } from "./edit.js";
import { startRaw } from "./raw.js";

startTheme();
startClocks();
startRaw();

const kind = document.documentElement.dataset.kind;
const live = document.body.dataset.live;
if (kind === "run") startRun(live);
if (kind === "runs") {
  const refresh = refresher();
  connect(live, { open: (again) => again && refresh(), on: { runs: () => refresh(), gone: () => refresh(), reload: () => refresh() } });
}
if (kind === "edit") startEdit();

// What a reader can do to a run. Each action is confirmed, and what it came to is shown in words.
import { bdi, kept, make, toast, visible } from "./dom.js";
import { post } from "./api.js";

export function startActions({ run, api, refresh }) {
  const acts = { pause, resume, retry, approve: decide, reject: decide };
  document.addEventListener("click", (e) => {
    const button = e.target.closest?.("[data-action]");
    const act = button && acts[button.dataset.action];
    if (act) act({ run, api, refresh, button, action: button.dataset.action });
  });
}

function pause(c) {
  ask(c, {
    title: "Pause " + c.run + "?",
    body: [make("p", {}, "No new calls are started. Calls in flight finish and are recorded, so that nothing that was paid for is lost. Then the run stops and can be resumed.")],
    label: "Pause",
    send: () => post(c.api + "/pause", {}),
  });
}

// resume goes on. A run that is paused for its budget needs another one, and is asked about it.
function resume(c) {
  const { budget, whose } = c.button.dataset;
  const input = budget !== undefined && make("input", { id: "resume-budget", ".value": budget, required: true, autocomplete: "off", spellcheck: "false" });
  ask(c, {
    title: "Resume " + c.run + "?",
    body: [
      make("p", {}, "The run goes on where it stopped, in the dashboard's process. What was paid for is not paid again; new calls cost money, also those for items that an edit changed. Failed items are tried again."),
      ...(input ? [make("label", { for: "resume-budget" }, "Budget in dollars", whose ? make("span", {}, " of the step ", bdi(whose)) : " of the run, all sessions together", ", or none", input)] : []),
    ],
    label: "Resume",
    send: () => post(c.api + "/resume", input ? { budget: input.value.trim() } : {}),
  });
}

function retry(c) {
  const { step, item } = c.button.dataset;
  const body = step ? { step, items: item ? [item] : [] } : {};
  const what = item ? make("p", {}, "Only ", make("strong", {}, make("bdi", {}, visible(item))), " is tried again.")
    : make("p", {}, "Everything that failed is tried again. What is done stays, and is not paid again.");
  ask(c, { title: "Try again?", body: [what], label: "Retry", send: () => post(c.api + "/retry", body) });
}

// decide shows exactly what is decided about, and sends its hash along: a decision never goes to a text that changed
// in the meantime. The note is kept until it was sent.
function decide(c) {
  const approve = c.action === "approve";
  const gate = document.getElementById("gate");
  if (!gate) return;
  const step = gate.dataset.step;
  const draft = kept("note:" + c.run + ":" + step);
  const note = make("textarea", { id: "decision-note", rows: 3, maxlength: 4000, ".value": draft.read() ?? "", oninput: () => draft.write(note.value) });
  // A run at rest goes on when somebody says so; here in the same breath.
  const rests = approve && document.querySelector('[data-action="resume"]');
  const resumes = rests && make("input", { type: "checkbox", id: "decision-resume", ".checked": true });
  const shown = make("div", { class: "shown", tabindex: "0", role: "region", "aria-label": "What is decided about" });
  let hash = "";
  const fill = () => {
    const now = document.getElementById("gate");
    if (!now || now.dataset.step !== step) return false;
    const changed = hash !== "" && hash !== now.dataset.hash;
    hash = now.dataset.hash;
    shown.replaceChildren(document.getElementById("gate-shown").firstElementChild.cloneNode(true));
    return changed;
  };
  fill();
  ask(c, {
    title: (approve ? "Approve " : "Reject ") + step + "?",
    body: [
      shown,
      make("p", { class: "soft small" }, approve ? "The run goes on with exactly this text." : "The run stops there as failed. Resuming it asks again."),
      make("label", { for: "decision-note" }, "Note for the record (optional)", note),
      ...(resumes ? [make("label", { class: "check", for: "decision-resume" }, resumes, "Resume the run now, in the dashboard's process; new calls cost money")] : []),
    ],
    label: approve ? "Approve" : "Reject",
    danger: !approve,
    send: async () => {
      const done = await post(c.api + "/" + c.action, { step, hash, note: note.value });
      draft.drop();
      if (!resumes?.checked) return done;
      return post(c.api + "/resume", {}).then(
        (resumed) => ({ text: "approved; " + resumed.text }),
        (error) => ({ text: done.text + "; it could not be resumed: " + error.message }));
    },
    failed: (error, tell) => {
      if (error.status !== 409) return;
      c.refresh();
      setTimeout(() => fill() && tell("What is asked has changed. Read it again before you decide; your note is still there."), 1500);
    },
  });
}

// ask opens a dialog. It stays open with the problem in words when the action fails; what was typed stays too.
function ask(c, { title, body, label, danger, send, failed }) {
  const problem = make("div", { class: "problem", role: "alert", hidden: true });
  const tell = (text, hint) => {
    problem.hidden = false;
    problem.replaceChildren(visible(text));
    if (hint) problem.append(make("div", { class: "soft" }, visible(hint)));
  };
  const yes = make("button", { class: danger ? "main danger" : "main" }, label);
  const form = make("form", { method: "dialog" },
    make("h2", { id: "ask-title" }, visible(title)), ...body, problem,
    make("div", { class: "row" }, make("button", { type: "button", onclick: () => dialog.close() }, "Cancel"), yes));
  const dialog = make("dialog", { "aria-labelledby": "ask-title" }, form);
  form.addEventListener("submit", async (e) => {
    e.preventDefault();
    if (yes.disabled) return;
    yes.disabled = true;
    problem.hidden = true;
    try {
      const done = await send();
      dialog.close();
      toast(sentence(done.text || "done"));
      c.refresh();
    } catch (error) {
      tell(sentence(error.message), error.hint);
      failed?.(error, tell);
    } finally {
      yes.disabled = false;
    }
  });
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (c.button.isConnected) c.button.focus();
    else document.getElementById("name")?.focus();
  });
  document.body.append(dialog);
  dialog.showModal();
}

function sentence(text) {
  const s = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(s) ? s : s + ".";
}

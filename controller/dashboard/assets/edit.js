// The form that edits a result. Members of an object are fields; those that were not touched go back exactly as recorded.
// What was typed is kept in this browser until it is saved or discarded.
import { kept, toast, visible } from "./dom.js";
import { post } from "./api.js";

export function startEdit() {
  const form = document.getElementById("edit");
  if (!form) return;
  const { api, run, step, item, hash, back } = form.dataset;
  const fields = [...form.querySelectorAll("textarea")];
  const note = document.getElementById("note");
  const draft = kept("edit:" + run + ":" + step + ":" + item);
  const problem = document.getElementById("edit-problem");
  let saved = false;

  const changed = () => fields.some((f) => f.value !== f.defaultValue);
  const says = (text) => { document.getElementById("draft-note").textContent = text; };
  const discard = document.getElementById("discard");
  const keep = () => {
    discard.hidden = !changed();
    if (!changed() && !note.value) draft.drop();
    else if (draft.write(JSON.stringify({ hash, note: note.value, values: fields.map((f) => f.value) }))) says("Your text is kept.");
    else says("This browser keeps nothing; don't leave the page.");
  };
  form.querySelector("button.main").disabled = false; // until now the browser would have sent the form itself
  restore(draft, hash, fields, note, says);
  discard.hidden = !changed();
  form.addEventListener("input", (e) => {
    check(e.target);
    keep();
  });
  discard.addEventListener("click", () => {
    for (const f of fields) {
      f.value = f.defaultValue;
      check(f);
    }
    keep();
    says("The recorded text is back.");
  });
  addEventListener("beforeunload", (e) => { if (!saved && changed() && draft.read() === null) e.preventDefault(); });

  form.addEventListener("submit", async (e) => {
    e.preventDefault();
    problem.hidden = true;
    const wrong = fields.filter((f) => !check(f));
    if (wrong.length) return wrong[0].focus();
    if (!changed()) return tell("Nothing was changed.");
    const button = form.querySelector("button.main");
    button.disabled = true;
    try {
      await post(api + "/edit", request());
      saved = true;
      draft.drop();
      toast("Saved. When the run goes on, items whose value this changed are made again, which costs.");
      location.href = back;
    } catch (error) {
      tell(sentence(error.message) + (error.hint ? "\n" + sentence(error.hint) : "") + "\nYour text is still here.");
    } finally {
      button.disabled = false;
    }
  });

  function tell(text) {
    problem.textContent = visible(text);
    problem.hidden = false;
  }

  // request puts the value together as text: numbers must not lose digits on the way.
  function request() {
    const parts = fields.map((f) => {
      const value = f.value === f.defaultValue ? f.dataset.raw : f.dataset.kind === "text" ? JSON.stringify(f.value) : f.value;
      return "member" in f.dataset ? JSON.stringify(f.dataset.name) + ":" + value : value;
    });
    const result = fields.some((f) => "member" in f.dataset) ? "{" + parts.join(",") + "}" : parts[0];
    const rest = JSON.stringify({ step, item: item || undefined, replaces: hash, note: note.value || undefined });
    return rest.slice(0, -1) + ',"result":' + result + "}";
  }
}

// restore brings back a text that was not saved.
function restore(draft, hash, fields, note, says) {
  let old = null;
  try {
    old = JSON.parse(draft.read());
  } catch {
    draft.drop();
  }
  if (!old || old.values?.length !== fields.length) return;
  fields.forEach((f, i) => { f.value = old.values[i]; });
  note.value = old.note ?? "";
  says(old.hash === hash ? "This is your text from before; it was not saved."
    : "This is your text from before. The recorded result has changed since; “Discard my text” shows it.");
}

// check tells what is wrong with the JSON of a field.
function check(field) {
  if (field.dataset.kind !== "json") return true;
  const problem = document.getElementById(field.id + "-problem");
  try {
    JSON.parse(field.value);
  } catch (error) {
    problem.textContent = "This is no valid JSON: " + error.message;
    problem.hidden = false;
    field.setAttribute("aria-invalid", "true");
    return false;
  }
  problem.hidden = true;
  field.removeAttribute("aria-invalid");
  return true;
}

function sentence(text) {
  const s = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(s) ? s : s + ".";
}

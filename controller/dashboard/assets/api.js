// Requests to the JSON API.

// Refused is an answer that is an error, in the words of the server.
export class Refused extends Error {
  constructor(status, problem) {
    super(problem.error || "the dashboard answered with " + status);
    this.status = status;
    this.hint = problem.hint || "";
  }
}

async function answer(res) {
  let body = {};
  try {
    body = await res.json();
  } catch {
    if (res.ok) throw new Refused(res.status, { error: "the answer is not what was expected" });
  }
  if (!res.ok) throw new Refused(res.status, body);
  return body;
}

// get reads an object. Parameters that are undefined are left out.
export async function get(url, params = {}, signal = undefined) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) if (value !== undefined) query.set(name, value);
  const text = query.toString();
  return answer(await fetch(text ? url + "?" + text : url, { headers: { Accept: "application/json" }, signal }));
}

// post asks for an action. The body is JSON, as text or as an object.
export async function post(url, body) {
  let res;
  try {
    res = await fetch(url, {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: typeof body === "string" ? body : JSON.stringify(body),
    });
  } catch {
    throw new Refused(0, { error: "The dashboard can't be reached.", hint: "Whether it was done is not known; the page shows it when the connection is back." });
  }
  return answer(res);
}

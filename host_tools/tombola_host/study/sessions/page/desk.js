// Asks the server. A refusal becomes an Error whose message is the server's sentence.

const GONE = "the session does not answer; is `tombola session run` still running? Your answer is still here";

async function post(path, body) {
  let answer;
  try {
    answer = await fetch(path, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), credentials: "same-origin",
    });
  } catch {
    throw new Error(GONE);
  }
  if (answer.ok) return answer;
  let sentence = `the server answers ${answer.status}; load the page again`;
  try { sentence = (await answer.json()).error || sentence; } catch { /* it was no JSON */ }
  throw new Error(sentence);
}

export async function login() {
  const token = location.hash.slice(1);
  if (!token) return;
  history.replaceState(null, "", location.pathname);
  await post("/login", { token });
}

const asked = async (path, body) => (await post(path, body)).json();
export const stateOf = listener => asked("/state", { listener });
export const vote = said => asked("/vote", said);
export const undo = listener => asked("/undo", { listener });
export const soundOf = async (listener, trial, letter) =>
  (await post("/sound", { listener, trial, letter })).arrayBuffer();

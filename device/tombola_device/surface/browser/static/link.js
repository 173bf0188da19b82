// The wire: cookie, socket, acknowledgement, coming back. Nothing else on the page knows the protocol's bytes.
const FIRST_MS = 250;
const MOST_MS = 4000;
const PING_MS = 2000;
const SILENT_MS = 8000; // A link that has answered no ping for so long is opened again.

/**
 * Keep a link to the server.
 *
 * @param on { state(changed, whole), scope(message), map(message), refused(sentence), standing(word, sentence) }: standing is one of
 *   "waiting", "up", "down", "locked"
 * @returns { send(message), rtt_ms(), clock() }
 */
export function link(on) {
  let socket = null;
  let wait_ms = FIRST_MS;
  let heard_ms = 0;
  let rtt_ms = 0;
  let clock = null; // { server_us, local_ms } of the pong with the shortest way
  let fresh = true;
  let locked = false;

  const send = (message) => {
    if (socket?.readyState !== WebSocket.OPEN) return false;
    socket.send(JSON.stringify(message));
    return true;
  };

  async function enter() {
    const token = location.hash.slice(1);
    if (!token) return;
    history.replaceState(null, "", location.pathname); // Neither the history nor a bookmark keeps it.
    const answer = await fetch("login", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ token }),
    }).catch(() => null);
    if (answer && !answer.ok)
      on.refused((await answer.json().catch(() => ({}))).error ?? "This address was not taken.");
  }

  async function open() {
    locked = false;
    on.standing("waiting", "connecting");
    await enter();
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const mine = new WebSocket(`${scheme}://${location.host}/socket`);
    mine.binaryType = "arraybuffer";
    mine.onopen = () => {
      [wait_ms, heard_ms, fresh, socket, clock] = [FIRST_MS, performance.now(), true, mine, null];
      on.standing("up", "connected");
      ping();
    };
    mine.onmessage = ({ data }) => {
      heard_ms = performance.now();
      if (typeof data === "string") text(JSON.parse(data));
      else bytes(new DataView(data));
    };
    mine.onclose = () => {
      socket = null;
      again();
    };
  }

  async function again() {
    // A refused socket does not say why; a plain request for it does.
    const answer = await fetch("socket").catch(() => null);
    if (answer?.status === 401) {
      const sentence =
        "This address has no key. Open the address that the terminal shows, with all that stands behind #.";
      locked = true;
      on.standing("locked", sentence);
      return;
    }
    on.standing("down", answer ? "connecting again" : "The instrument does not answer; this page goes on trying.");
    setTimeout(open, wait_ms);
    wait_ms = Math.min(wait_ms * 2, MOST_MS);
  }

  // One message is acknowledged after it was painted; a page that nobody sees paints nothing and answers at once.
  function acknowledge(seq) {
    const answer = () => send({ kind: "ack", seq });
    if (document.hidden) answer();
    else requestAnimationFrame(answer);
  }

  function text(message) {
    if (message.state) {
      on.state(message.state, fresh);
      fresh = false;
      acknowledge(message.seq);
    } else if (message.error) {
      on.refused(message.error);
    } else if (message.pong !== undefined) {
      const now_ms = performance.now();
      const way_ms = now_ms - message.pong;
      rtt_ms = rtt_ms ? 0.7 * rtt_ms + 0.3 * way_ms : way_ms;
      if (!clock || way_ms < clock.way_ms + 2) {
        clock = { way_ms, server_us: message.clock_us, local_ms: now_ms - way_ms / 2 };
      }
    }
  }

  function bytes(view) {
    const [kind, which, side, seq] = [
      view.getUint8(0),
      view.getUint8(1),
      view.getUint16(2, true),
      view.getUint32(4, true),
    ];
    if (kind === 1) {
      const wave = Float32Array.from({ length: 1024 }, (_, at) => view.getInt16(8 + 2 * at, true) / 32767);
      on.scope({ wave, bands: new Uint8Array(view.buffer, 8 + 2048, 256) });
    } else if (kind === 2) {
      on.map({ pad: which ? "timbre" : "blend", side, cells: new Uint8Array(view.buffer, 8, side * side * 4) });
    }
    acknowledge(seq);
  }

  function ping() {
    send({ kind: "ping", t: performance.now() });
  }

  setInterval(() => {
    if (!socket) return;
    if (performance.now() - heard_ms > SILENT_MS) socket.close();
    else ping();
  }, PING_MS);
  window.addEventListener("hashchange", () => (locked ? open() : enter()));
  open();
  return { send, rtt_ms: () => rtt_ms, clock: () => clock };
}

// The instrument's sound in this browser: blocks from the socket through a small buffer that adapts, into the speakers.
const RATE_HZ = 48000;
const HEARD_MS = 80;
const TRIES = 3;
const OUTPUT_MS = 4000;
const WRAP_US = 2 ** 32;

/**
 * Listen.
 *
 * @param instrument gives the server's clock, to measure how late the sound is
 * @param changed called when it starts, ends or has measured
 * @param fail takes a sentence if no sound is to be had
 */
export function sound(instrument, changed, fail) {
  let context = null;
  let node = null;
  let socket = null;
  let heard = 0;
  let timer = 0;
  let again = 0;
  let tries = 0;
  const facts = { latency_ms: 0, buffer_ms: 0, gaps: 0 };

  async function start() {
    if (!window.isSecureContext || !window.AudioWorkletNode) {
      throw new Error("A browser plays sound over this page only from this computer; open it at 127.0.0.1.");
    }
    const mine = new AudioContext({ sampleRate: RATE_HZ, latencyHint: "interactive" });
    context = mine;
    const ready = mine.audioWorklet.addModule("worklet.js").then(() => mine.resume());
    // Firefox keeps the promise of resume() only once there is a sound output.
    const late = new Promise((end) => setTimeout(end, OUTPUT_MS, "late"));
    const fault = await Promise.race([ready.then(() => ""), late]).catch((error) => error.message);
    if (context !== mine) return; // A hand has ended it meanwhile.
    if (fault === "late") {
      throw new Error("This browser finds no sound output; connect one to this computer, then listen again.");
    }
    if (fault) throw new Error(fault);
    node = new AudioWorkletNode(context, "blocks", { numberOfInputs: 0, outputChannelCount: [1] });
    node.connect(context.destination);
    node.port.onmessage = ({ data }) => measure(data);
    timer = setInterval(
      () => socket?.readyState === WebSocket.OPEN && socket.send(JSON.stringify({ heard })),
      HEARD_MS,
    );
    tries = 0;
    open();
    changed();
  }

  function open() {
    const mine = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/sound`);
    mine.binaryType = "arraybuffer";
    mine.onmessage = ({ data }) => {
      tries = 0;
      const view = new DataView(data);
      heard = view.getUint32(0, true);
      const samples = new Int16Array(data, 8);
      node?.port.postMessage({ samples, written_us: view.getUint32(4, true) }, [data]);
    };
    mine.onclose = () => {
      if (!context) return;
      // While the instrument itself is away, the sound comes back with it.
      if (instrument.standing === "up" && ++tries >= TRIES) {
        stop();
        fail("The instrument sends no sound to this page; listen at its outputs.");
      } else {
        again = setTimeout(open, 1000);
      }
    };
    socket = mine;
  }

  function measure({ fill_samples, target_samples, gaps, written_us }) {
    Object.assign(facts, {
      buffer_ms: (1000 * fill_samples) / RATE_HZ,
      target_ms: (1000 * target_samples) / RATE_HZ,
      gaps,
    });
    const clock = instrument.clock();
    if (clock && context) {
      // The server's clock now, and the age of the sample that plays now; then what the browser itself holds back.
      const now_us = clock.server_us + 1000 * (performance.now() - clock.local_ms);
      const age_us = (((now_us - written_us) % WRAP_US) + WRAP_US) % WRAP_US;
      const out_ms = 1000 * ((context.outputLatency || 0) + (context.baseLatency || 0));
      if (age_us < 5e6) facts.latency_ms = age_us / 1000 + out_ms;
    }
    changed();
  }

  function stop() {
    clearInterval(timer);
    clearTimeout(again);
    const [before, line] = [context, socket];
    [context, node, socket] = [null, null, null];
    line?.close();
    before?.close();
    changed();
  }

  return { start, stop, on: () => context !== null, facts };
}

// Plays the sounds of a trial in step, and lets one of them through. All are decoded before the first is heard, so a
// change takes one crossfade and nothing else.

const FADE_S = 0.012;

export class Player {
  constructor(changed) {
    this.changed = changed;
    this.context = null;
    this.buffers = new Map();
    this.voices = new Map();
    this.letter = "";
    this.playing = false;
  }

  async load(files) {
    this.stop();
    this.context ??= new AudioContext({ sampleRate: 48000 });
    const decoded = await Promise.all(
      [...files].map(async ([letter, bytes]) => [letter, await this.context.decodeAudioData(bytes)]),
    );
    this.buffers = new Map(decoded);
    this.letter = decoded[0][0];
  }

  // Let a letter be heard: where the others are, or from its start.
  async hear(letter, { anew = false } = {}) {
    if (!this.buffers.has(letter)) return;
    this.letter = letter;
    if (!this.playing || anew) await this.start();
    else {
      const now = this.context.currentTime;
      for (const [name, { gain }] of this.voices) {
        gain.gain.cancelScheduledValues(now);
        gain.gain.setTargetAtTime(name === letter ? 1 : 0, now, FADE_S / 3);
      }
    }
    this.changed();
  }

  async start() {
    this.stop();
    await this.context.resume();
    const at = this.context.currentTime + 0.02;
    for (const [letter, buffer] of this.buffers) {
      const source = new AudioBufferSourceNode(this.context, { buffer });
      const gain = new GainNode(this.context, { gain: letter === this.letter ? 1 : 0 });
      source.connect(gain).connect(this.context.destination);
      source.start(at);
      this.voices.set(letter, { source, gain });
    }
    this.playing = true;
    const longest = [...this.voices.values()].reduce((a, b) => (b.source.buffer.duration > a.source.buffer.duration ? b : a));
    const mine = this.voices;
    longest.source.onended = () => { if (this.voices === mine) this.stop(); };
    this.changed();
  }

  stop() {
    const ended = this.voices;
    this.voices = new Map();
    for (const { source, gain } of ended.values()) {
      const now = this.context.currentTime;
      gain.gain.setTargetAtTime(0, now, FADE_S / 3);
      source.stop(now + 2 * FADE_S);
    }
    this.playing = false;
    this.changed();
  }
}

// The buffer between the socket and the speakers. It is as short as the link allows: a gap makes it longer, ten quiet seconds
// make it shorter; what it holds is brought to that length by playing up to 0.4 % faster or slower, which is 7 cents at most.
// Where it has held much more for a second, what is too much is left out.
const RATE_HZ = 48000;
const [LEAST, FIRST, MOST] = [0.012, 0.03, 0.25].map((seconds) => seconds * RATE_HZ);
const LONGER = 0.01 * RATE_HZ;
const SHORTER = 0.002 * RATE_HZ;
const QUIET_SAMPLES = 10 * RATE_HZ;
const SLACK = 0.03 * RATE_HZ;
const BEND = 0.004;
const SIZE = 2 ** 16;
const REPORT_SAMPLES = RATE_HZ / 5;

class Blocks extends AudioWorkletProcessor {
  constructor() {
    super();
    this.ring = new Float32Array(SIZE);
    this.written = 0; // samples since the start
    this.read = 0; // the same, with a fraction
    this.target = FIRST;
    this.stamp = { at: 0, us: 0 };
    this.playing = false;
    this.gaps = 0;
    this.quiet = 0;
    this.second = 0;
    this.since = 0;
    this.fade = 0;
    this.skips = false; // whether the oldest is to be left out, once the sound has faded
    this.least = Infinity; // that it held in this second
    this.port.onmessage = ({ data }) => this.take(data);
  }

  take({ samples, written_us }) {
    this.stamp = { at: this.written, us: written_us };
    for (const sample of samples) this.ring[this.written++ % SIZE] = sample / 32768;
    const fill = this.written - this.read;
    // After a pause of the link all comes at once: the oldest is left out.
    if (fill > this.target + MOST) this.skips = true;
    if (fill > SIZE - MOST) this.read = this.written - this.target;
  }

  process(_, [[out]]) {
    const fill = this.written - this.read;
    if (!this.playing && fill >= this.target) this.playing = true;
    const bend = Math.min(Math.max((fill - this.target) / this.target, -1), 1) * BEND;
    for (let at = 0; at < out.length; at++) {
      if (this.playing && this.written - this.read < 2) {
        this.playing = false;
        this.gaps++;
        this.quiet = 0;
        this.target = Math.min(this.target + LONGER, MOST);
      }
      // In and out within 128 samples, so that a gap does not click.
      this.fade = Math.min(Math.max(this.fade + (this.playing && !this.skips ? 1 : -1) / 128, 0), 1);
      if (this.skips && this.fade === 0) {
        this.read = Math.max(this.written - this.target, this.read);
        this.skips = false;
      }
      const whole = Math.floor(this.read);
      const part = this.read - whole;
      const sample = this.ring[whole % SIZE] * (1 - part) + this.ring[(whole + 1) % SIZE] * part;
      out[at] = sample * this.fade;
      if (this.playing) this.read += 1 + bend;
    }
    this.least = Math.min(this.least, this.written - this.read);
    this.second += out.length;
    if (this.second > RATE_HZ) {
      this.skips ||= this.least > this.target + SLACK;
      this.second = 0;
      this.least = Infinity;
    }
    this.quiet += out.length;
    if (this.quiet > QUIET_SAMPLES) {
      this.quiet = 0;
      this.target = Math.max(this.target - SHORTER, LEAST);
    }
    this.since += out.length;
    if (this.since > REPORT_SAMPLES) {
      this.since = 0;
      const behind_us = ((this.stamp.at - this.read) / RATE_HZ) * 1e6;
      this.port.postMessage({
        fill_samples: this.written - this.read,
        target_samples: this.target,
        gaps: this.gaps,
        written_us: this.stamp.us - behind_us,
      });
    }
    return true;
  }
}

registerProcessor("blocks", Blocks);

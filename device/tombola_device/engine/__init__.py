"""From controls to sound: session, voices, noise, envelopes, limiter. Used by the device and, offline, by the host."""

"""The face in a browser: a server in a process of its own, and what the control process sees of it.

control process                      server process (low priority)               pages
BrowserFace ── views as lines ─────► Hub ── state, scope, maps ── WebSocket ───► canvas, SVG
◄─ actions, MIDI ──────      ◄─ actions, MIDI ──────────────────────
Flashd      ◄─ flash protocol ────── Sender ◄── a dropped bundle ────────────────
audio process ═ tap (shared memory) ═► sound, scope ───────────────────────────► AudioWorklet
"""

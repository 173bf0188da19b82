"""All stages of the host. Each stage reads the results of earlier stages and keeps its own in a run directory.

    material ─► train ─► ticket ─► merge ─► compare ─► bundle
    corpus       dense    lottery   core +   baselines  ONNX,
    per mode     network  + train   special.            manifest

A run is named by the hash of everything that it depends on, so a finished stage is not repeated.
"""

"""The host side from end to end. Each stage reads what came before it and keeps what it made in a run directory.

    material ─► train ─► ticket ─► merge ─► compare ─► bundle
    corpus       dense    lottery   core +   baselines  ONNX,
    per mode     network  + train   special.            manifest

A run is named by the hash of what it depends on, so a stage that was done is not done again.
"""

"""Route a placed board: negotiated congestion on a grid."""

"""A second opinion on the circuit: what datasheets and the design's arithmetic demand, typed apart from the sheets."""

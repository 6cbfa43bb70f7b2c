//! Worked examples of the state machine, and what no sequence of inputs may bring about.

"""Where background jobs outlive the process: blocking drivers behind one small interface."""

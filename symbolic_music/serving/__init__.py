"""Models behind HTTP: what can be asked of each, a queue, a process for each model, and the routes."""

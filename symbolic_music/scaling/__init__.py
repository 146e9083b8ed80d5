"""How loss falls with size and data: ladders of models, the study that trains them, laws fitted to it, its report."""

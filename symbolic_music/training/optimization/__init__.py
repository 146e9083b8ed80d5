"""What a step minimises and how weights follow: losses, Muon, the learning rate's schedule."""

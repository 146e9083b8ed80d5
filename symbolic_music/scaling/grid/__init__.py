"""What a study consists of, what is planned and finished of it, and in which order it is trained."""

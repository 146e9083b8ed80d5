"""Pure Score -> Score: cut and transposed, long bars cut, pedals as durations, chord symbols made to sound."""

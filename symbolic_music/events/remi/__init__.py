"""REMI: bar, position, pitch, velocity and duration events over all tracks in one stream, and their grammar."""

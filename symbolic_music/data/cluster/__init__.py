"""Preparation of a dataset as tasks of datatrove: on one machine, on Ray, or on a Slurm cluster."""

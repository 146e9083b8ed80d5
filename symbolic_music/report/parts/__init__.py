"""One module for each part of a report, and what they share: each measures, none says how its figures read."""

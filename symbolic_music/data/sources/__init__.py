"""Where music comes from: corpora, folders, archives and datasets as lists of work units. Knows nothing of rows."""

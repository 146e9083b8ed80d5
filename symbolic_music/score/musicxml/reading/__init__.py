"""The parts of reading MusicXML: the file, its header, its measures, and what each of its signs means."""

"""ABC 2.1 as it is written: signs, fields, voices and bars of one tune. Nothing here is played."""

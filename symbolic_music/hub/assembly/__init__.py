"""From what training and evaluation wrote to the folder that a Hub repository holds. Uploads nothing."""

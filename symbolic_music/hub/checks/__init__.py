"""Whether a folder is fit to be published: all that can be known offline."""

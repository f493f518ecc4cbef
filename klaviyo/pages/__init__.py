"""What the pages about sends and people show: found, grouped and put into words."""

"""What people who are not logged in meet: the share link, the invite page, the join form, and the way out."""

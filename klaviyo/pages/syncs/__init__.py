"""What the pages of syncs show, and what their forms ask for."""

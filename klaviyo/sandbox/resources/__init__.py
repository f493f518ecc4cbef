"""Resources: profiles, lists, segments, events, jobs, webhooks, and the operations on each."""

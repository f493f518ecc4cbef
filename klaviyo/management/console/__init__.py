"""The command line of actions: its options, made from the models, and what it prints."""

"""Changes: what a source holds now, staged and compared with what was told before; in SQL, on every database."""

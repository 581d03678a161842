"""The database: built atomically from the records, opened read-only."""

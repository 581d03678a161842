"""Questions to the database: SQL in, frozen dataclasses out. Nothing here imports the record types."""

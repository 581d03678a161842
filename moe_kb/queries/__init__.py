"""Questions to the database: SQL in, frozen dataclasses out; every function takes a `Reader` first.

Nothing here imports the record types before it needs one.
"""

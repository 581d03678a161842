"""What the database answers: SQL in, typed rows out; every function takes a `Reader` first."""

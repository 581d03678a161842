"""The parts of the Lab page: choosing an implementation, setting it up, one run, all runs."""

"""The tools of the subjects: repetition, report, servers and back ends."""

"""What measures: repetition, report, servers and back ends."""

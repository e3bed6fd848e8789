"""A provider full of faults, a store that goes away, and a consumer that records what it is told."""

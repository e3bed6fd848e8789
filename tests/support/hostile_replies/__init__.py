"""Replies made to take the time and memory of their reader, and a program that reads them."""

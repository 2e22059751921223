"""Observation -> Summary, at any size: the stored tables and what runs over them."""

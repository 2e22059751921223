"""The workspace's database: its tables, how records get into them, and the queries that sum them up."""

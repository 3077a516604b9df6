"""The job table: schema, rows, statements, and the store over them."""

"""The `gearbridge` command: one module per subcommand, each imported when it is asked for."""

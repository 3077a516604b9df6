"""The commands of the protocol, by sender: clients, workers, administrators."""

"""The job table in MySQL and MariaDB."""

"""Formats of MySQL, MariaDB and Percona Server."""

"""Moving jobs from one place to another: between stores and files, and in from gearmand's queues."""

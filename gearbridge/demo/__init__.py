"""`gearbridge demo`: one picture's way from an INSERT through the job server to a worker and back.

It starts what an administrator would start and types what a user would type, so everything it shows can be repeated.
"""

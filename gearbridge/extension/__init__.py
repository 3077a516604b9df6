"""The PostgreSQL extensions: assembled from sql/, plpython/ and gearbridge/wire, checked, and installed.

It knows no job server. `python -m gearbridge.extension build` writes the files, `gearbridge db install` installs them.
"""

"""Designs compared: what is held equal (`protocol`), the runs (`runs`), the files (`files`), the table (`report`)."""

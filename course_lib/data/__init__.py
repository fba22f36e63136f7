"""Small tables that ship with the package; README.md tells where each comes from."""

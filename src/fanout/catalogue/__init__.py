"""What follows from the schemas and their registry: the shipped registry, AsyncAPI, the catalogue
page, and which subscription filters make sense.
"""

"""How events beside `CustomerStatusChanged` are read: one module each, for whoever subscribes.

A subscriber gives a module's `from_document` to `bootstrap.lambda_handler` as its reader.
"""

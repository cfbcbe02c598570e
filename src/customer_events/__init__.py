"""The contract: what `CustomerStatusChanged` is, and how it is written and read. Knows no AWS.

A producer imports `encoder` (standard library only, so that its package stays small); a consumer
imports `decoder` (pydantic). Both speak of `CustomerStatusChanged`, which has the newest major
version's meaning, whichever version travels.
"""

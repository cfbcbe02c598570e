"""The contract's tools: compatibility, filters, and what is generated from schemas and registry."""

"""The contract as the folder `schemas/` has it, and what filters select of it."""

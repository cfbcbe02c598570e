"""What a million status changes cost on each transport: counted calls times list prices."""

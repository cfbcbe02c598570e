"""`fanout demo`: play status changes through the whole system and account for each of them."""

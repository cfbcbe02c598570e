"""Broken variants of the system. Each must be caught, by the checker that is named for it."""

from simulation.variants import commands, consumer, guard, publisher

VARIANTS = (*publisher.VARIANTS, *guard.VARIANTS, *consumer.VARIANTS, *commands.VARIANTS)


def seeds_until_caught(index: int) -> int | None:
    """Of the variant with this index; for a process of its own."""
    return VARIANTS[index].seeds_until_caught()

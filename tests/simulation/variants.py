"""Broken variants of the system. Each must be caught, by the checker that is named for it."""

from dataclasses import dataclass

from simulation import variants_commands as commands
from simulation import variants_consumer as consumer
from simulation import variants_guard as guard
from simulation import variants_publisher as publisher
from simulation.checkers import (
    BOUNDED,
    CONVERGES,
    FIFO_ORDER,
    FILTERS_HOLD,
    ISOLATED,
    NEVER_BACKWARDS,
    NOTHING_INVENTED,
    NOTHING_LOST,
    ONE_IDENTITY,
    ONLY_POISON_IS_PARKED,
    PARKED_WHOLE,
    REPORTS_TRUE,
    SEEDED,
)
from simulation.faults import Faults, only
from simulation.generate import generate
from simulation.play import play
from simulation.system import System

_SHUFFLED = only("reordering", "duplicates")
_FAILING = only("reordering", "throttles", "lost_answers", "missing_entries", "partial_batches")
_POISON = only("poison_records", "poison_messages", "throttles", "partial_batches", "redrives")
_READ = only("reordering", "snapshots", "repairs", "version_counters", "mapping_recreated")
_OPERATING = only(
    *("operators", "mapping_off", "throttles", "lost_answers"),
    *("missing_entries", "partial_batches", "crashes"),
)
_DEAD = only(
    *("operators", "poison_messages", "outages", "throttles"),
    *("lost_answers", "missing_entries", "partial_batches", "crashes"),
)
_GIVEN_UP = only(
    "operators", "poison_records", "mapping_off", "throttles", "lost_answers", "crashes", "outages"
)
_READING = only("operators", "reordering", "interleavings", "mapping_off")


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """A broken system, who must catch it, under which faults, and within how many seeds.

    `shown_by`: a seed near which it is caught, so that the tests need not look for it.
    """

    system: type[System]
    caught_by: str
    faults: Faults
    seeds_max: int = 300
    shown_by: int = 0

    @property
    def name(self) -> str:
        return (self.system.__doc__ or "").strip().rstrip(".")


VARIANTS = (
    Variant(
        system=publisher.RandomIds,
        caught_by=ONE_IDENTITY,
        faults=only("mapping_recreated", "lost_answers"),
    ),
    Variant(system=publisher.TrustsAbsence, caught_by=NOTHING_LOST, faults=_FAILING),
    Variant(system=publisher.IgnoresFailed, caught_by=NOTHING_LOST, faults=_FAILING),
    Variant(system=publisher.TakesTimeoutForSuccess, caught_by=NOTHING_LOST, faults=_FAILING),
    Variant(system=publisher.ReportsHighest, caught_by=NOTHING_LOST, faults=only("outages")),
    Variant(
        system=publisher.ReportsLowestAsText,
        caught_by=NOTHING_LOST,
        faults=only("outages"),
        seeds_max=2000,
    ),
    Variant(system=publisher.ReportsEventIds, caught_by=ISOLATED, faults=only("outages")),
    Variant(system=publisher.FailsBatchForBadRecord, caught_by=ISOLATED, faults=_POISON),
    Variant(
        system=publisher.GoesOnAfterFailure,
        caught_by=FIFO_ORDER,
        faults=only("fifo", "throttles", "partial_batches"),
        shown_by=57,
    ),
    Variant(
        system=publisher.BelievesParkingSucceeded,
        caught_by=NOTHING_LOST,
        faults=only("poison_records", "throttles", "outages"),
    ),
    Variant(system=publisher.SkipsBadRecords, caught_by=NOTHING_LOST, faults=_POISON),
    Variant(system=publisher.IgnoresRemovals, caught_by=NOTHING_LOST, faults=only()),
    Variant(system=publisher.LooksAtNewImageOnly, caught_by=NOTHING_INVENTED, faults=only()),
    Variant(
        system=publisher.SeesNobodyEnterOrLeave,
        caught_by=NOTHING_LOST,
        faults=only("entity_filters"),
    ),
    Variant(
        system=publisher.TakesStatusesAsWritten,
        caught_by=ONLY_POISON_IS_PARKED,
        faults=only("own_statuses"),
    ),
    Variant(
        system=publisher.ParksWhatIsThrottled,
        caught_by=ONLY_POISON_IS_PARKED,
        faults=only("throttles"),
    ),
    Variant(
        system=publisher.NeverGivesUp,
        caught_by=BOUNDED,
        faults=only("poison_messages"),
    ),
    Variant(system=publisher.ParksOnlyKeys, caught_by=PARKED_WHOLE, faults=_POISON),
    Variant(system=publisher.ForgetsEpoch, caught_by=NOTHING_INVENTED, faults=only("restarts")),
    Variant(system=publisher.TellsTimeOfPublishing, caught_by=NOTHING_INVENTED, faults=only()),
    Variant(system=publisher.SwapsTransition, caught_by=FILTERS_HOLD, faults=only()),
    Variant(
        system=publisher.PublishesNewestMajorOnly,
        caught_by=NOTHING_LOST,
        faults=only("two_majors"),
    ),
    Variant(system=guard.LastArrivalWins, caught_by=NEVER_BACKWARDS, faults=_SHUFFLED),
    Variant(
        system=guard.ReadsThenWrites,
        caught_by=NEVER_BACKWARDS,
        faults=only("interleavings", "reordering"),
        seeds_max=2000,
        shown_by=117,
    ),
    Variant(system=guard.ComparesTimes, caught_by=NEVER_BACKWARDS, faults=_SHUFFLED),
    Variant(
        system=guard.ComparesUnpadded, caught_by=NEVER_BACKWARDS, faults=_SHUFFLED, shown_by=44
    ),
    Variant(system=guard.RemembersIdsForAWhile, caught_by=NEVER_BACKWARDS, faults=_SHUFFLED),
    Variant(
        system=guard.ForgetsMajor,
        caught_by=NEVER_BACKWARDS,
        faults=only("two_majors", "reordering"),
    ),
    Variant(
        system=guard.SnapshotOverwrites,
        caught_by=NEVER_BACKWARDS,
        faults=only("snapshots", "reordering"),
    ),
    Variant(
        system=guard.RepairNamesNothing,
        caught_by=NEVER_BACKWARDS,
        faults=only("repairs", "reordering"),
        seeds_max=2000,
    ),
    Variant(
        system=guard.OldChangeUndoesSeed,
        caught_by=NEVER_BACKWARDS,
        faults=only("snapshots", "reordering"),
        seeds_max=1000,
    ),
    Variant(
        system=guard.OldVersionUndoesFoundRemoval,
        caught_by=NEVER_BACKWARDS,
        faults=_READ,
        seeds_max=3000,
        shown_by=339,
    ),
    Variant(
        system=guard.RaisedEpochGoesBackwards,
        caught_by=NEVER_BACKWARDS,
        faults=only("failovers"),
    ),
    Variant(system=guard.DeletesRemovedRows, caught_by=NOTHING_LOST, faults=_SHUFFLED),
    Variant(
        system=guard.TakesContradictionForStale,
        caught_by=NOTHING_LOST,
        faults=only("unraised_restarts"),
    ),
    Variant(
        system=guard.DropsOlderOfBatch,
        caught_by=NOTHING_LOST,
        faults=only("throttles", "reordering"),
        seeds_max=1000,
    ),
    Variant(system=consumer.DeletesBeforeParking, caught_by=NOTHING_LOST, faults=_POISON),
    Variant(system=consumer.BelievesParkingSucceeded, caught_by=NOTHING_LOST, faults=_POISON),
    Variant(system=consumer.DropsPoison, caught_by=NOTHING_LOST, faults=_POISON),
    Variant(system=consumer.FailsBatchForPoison, caught_by=ISOLATED, faults=_POISON),
    Variant(
        system=consumer.ParksWhatIsThrottled,
        caught_by=ONLY_POISON_IS_PARKED,
        faults=only("throttles"),
    ),
    Variant(system=consumer.AcknowledgesFailures, caught_by=NOTHING_LOST, faults=only("throttles")),
    Variant(system=consumer.AnswersNoFailures, caught_by=NOTHING_LOST, faults=only("throttles")),
    Variant(system=consumer.AnswersReceiptHandles, caught_by=ISOLATED, faults=only("throttles")),
    Variant(system=consumer.ParksAlteredBody, caught_by=PARKED_WHOLE, faults=_POISON),
    Variant(system=consumer.ParksWithoutReason, caught_by=PARKED_WHOLE, faults=_POISON),
    Variant(
        system=consumer.DeduplicatesParking,
        caught_by=NOTHING_LOST,
        faults=only("fifo", "poison_messages", "redrives"),
        seeds_max=3000,
    ),
    Variant(system=commands.ReplayDeletesBeforeSend, caught_by=NOTHING_LOST, faults=_DEAD),
    Variant(system=commands.ReplayBelievesSend, caught_by=NOTHING_LOST, faults=_DEAD, shown_by=51),
    Variant(system=commands.ReplayAltersBody, caught_by=PARKED_WHOLE, faults=_DEAD),
    Variant(
        system=commands.ReplayNamesByContent,
        caught_by=NOTHING_LOST,
        faults=only("operators", "fifo", "poison_messages"),
        seeds_max=2000,
    ),
    Variant(
        system=commands.ReplayInventsOutcome, caught_by=NOTHING_LOST, faults=_DEAD, shown_by=34
    ),
    Variant(system=commands.ReplayDeletesParked, caught_by=NOTHING_LOST, faults=_DEAD),
    Variant(
        system=commands.ReplayResumesAsSent,
        caught_by=NOTHING_LOST,
        faults=_DEAD,
        seeds_max=1000,
        shown_by=192,
    ),
    Variant(
        system=commands.ReplayBelievesDelete,
        caught_by=REPORTS_TRUE,
        faults=_DEAD,
        seeds_max=1000,
        shown_by=248,
    ),
    Variant(system=commands.RecoverRandomIds, caught_by=ONE_IDENTITY, faults=_GIVEN_UP),
    Variant(system=commands.RecoverTrustsSilence, caught_by=NOTHING_LOST, faults=_GIVEN_UP),
    Variant(system=commands.RecoverMovesRefused, caught_by=NOTHING_LOST, faults=_GIVEN_UP),
    Variant(system=commands.RecoverMovesFirst, caught_by=NOTHING_LOST, faults=_GIVEN_UP),
    Variant(
        system=commands.RecoverTakesEarlierStreams,
        caught_by=NOTHING_INVENTED,
        faults=only("operators", "mapping_off", "restarts"),
        seeds_max=2000,
    ),
    Variant(system=commands.BackfillSkipsPage, caught_by=SEEDED, faults=_OPERATING, shown_by=445),
    Variant(system=commands.BackfillBelievesSend, caught_by=SEEDED, faults=_OPERATING, shown_by=69),
    Variant(
        system=commands.BackfillMarksNewest,
        caught_by=NOTHING_LOST,
        faults=_READING,
        seeds_max=1000,
        shown_by=63,
    ),
    Variant(system=commands.BackfillDatesLate, caught_by=NOTHING_INVENTED, faults=_READING),
    Variant(system=commands.RepairAsSnapshot, caught_by=CONVERGES, faults=_READING),
    Variant(system=commands.RepairLeavesTheGone, caught_by=CONVERGES, faults=_READING),
)


def seeds_until_caught(variant: Variant, *, first: int = 0) -> int | None:
    """How many seeds it took the named checker; None where it never did within its bound."""
    for count in range(1, variant.seeds_max + 1):
        failure = play(generate(first + count - 1, variant.faults), variant.system)
        if failure is not None and failure.guarantee == variant.caught_by:
            return count
    return None

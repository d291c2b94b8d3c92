//! Time as it is counted here: nanoseconds of CLOCK_MONOTONIC in 64 bits, which last for 584 years.

use std::time::Duration;

/// A duration in that unit; one that is longer is for ever.
pub(crate) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

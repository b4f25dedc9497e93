//! How often a run is saved.

/// The shortest time between two saves, in seconds.
pub const LEAST_SECS: f64 = 5.0;

/// The most of a run's time that saving may take. Half of what would be noticed, because one save may cost more than the one
/// before it.
const MOST_OF_TIME: f64 = 0.01;

/// The most that is written in the long run: 43 GB a day, a small part of what a disk of the cheapest kind endures.
const BYTES_PER_SEC: f64 = 500_000.0;

/// Seconds until the next save, after one that took `cost_secs` and wrote `bytes`. A crash costs at most that much training.
pub fn interval_secs(cost_secs: f64, bytes: usize) -> f64 {
    (cost_secs / MOST_OF_TIME).max(bytes as f64 / BYTES_PER_SEC).max(LEAST_SECS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn saving_takes_less_than_two_hundredths_of_the_time() {
        for cost_secs in [0.0, 0.001, 0.05, 0.2, 3.0, 100.0] {
            let interval = interval_secs(cost_secs, 0);
            assert!(interval >= LEAST_SECS && cost_secs / (interval + cost_secs) < 0.02, "{cost_secs}: {interval}");
        }
    }

    #[test]
    fn small_networks_are_saved_often_and_large_ones_spare_the_disk() {
        assert_eq!(interval_secs(0.01, 500_000), LEAST_SECS);
        assert_eq!(interval_secs(0.05, 7_000_000), 14.0);
        assert_eq!(interval_secs(0.3, 100_000_000), 200.0);
    }
}

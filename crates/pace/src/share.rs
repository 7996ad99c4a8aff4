//! The fair share (max-min fairness): the most that each may have so that all together have no more than there is. Who
//! wants less than the share gets all of it; what that leaves is for the others.

/// The share for which the sum of `min(rate, share)` is `capacity`; infinite when there is enough for all. Sorts.
pub(crate) fn fair_share(rates: &mut [f64], capacity: f64) -> f64 {
    rates.sort_unstable_by(f64::total_cmp);
    let mut left = capacity;
    for (index, rate) in rates.iter().enumerate() {
        let each = left / (rates.len() - index) as f64;
        if *rate > each {
            return each;
        }
        left -= rate;
    }
    f64::INFINITY
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_noisiest_pays_first() {
        assert_eq!(fair_share(&mut [10.0, 1000.0, 20.0], 530.0), 500.0);
        assert_eq!(fair_share(&mut [10.0, 1000.0, 1000.0], 510.0), 250.0);
        assert_eq!(fair_share(&mut [10.0, 10.0], 10.0), 5.0);
        assert_eq!(fair_share(&mut [10.0, 10.0], 20.0), f64::INFINITY);
        assert_eq!(fair_share(&mut [], 0.0), f64::INFINITY);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// All of the capacity is used and no more; nobody could have more without somebody who has less having less.
        #[test]
        fn all_of_it_is_shared_and_nobody_below_the_share_pays(
            mut rates in proptest::collection::vec(0.0..10_000.0f64, 1..50), part in 0.01..1.5f64
        ) {
            let total: f64 = rates.iter().sum();
            let capacity = total * part;
            let share = fair_share(&mut rates, capacity);
            let given: f64 = rates.iter().map(|rate| rate.min(share)).sum();
            prop_assert!((given - capacity.min(total)).abs() <= 1e-6 * total.max(1.0), "{given} of {capacity}");
            if share.is_finite() {
                prop_assert!(share * rates.len() as f64 >= capacity * (1.0 - 1e-9), "less than an equal part");
            }
        }
    }
}

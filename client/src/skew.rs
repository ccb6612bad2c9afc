//! How far this machine's clock is from the service's. Learned only when the service refuses a signature for its time,
//! from the `Date` of that refusal, and then used for every signature.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, UNIX_EPOCH};
use tailwater_record::Timestamp;
use tailwater_wire::http::header;
use tailwater_wire::{FaultCode, Response};

/// Closer than this, the clock is not what the service minds.
const TOLERANCE: Duration = Duration::from_secs(60);

/// The distance, in milliseconds, shared by all calls of a client.
#[derive(Debug, Default)]
pub(crate) struct Skew(AtomicI64);

impl Skew {
    /// The service's time, as far as it is known.
    pub(crate) fn correct(&self, now: Timestamp) -> Timestamp {
        Timestamp::from_millis(now.millis().saturating_add(self.0.load(Ordering::Relaxed)))
    }

    /// Takes over a distance that was found; says whether it changes what will be signed.
    pub(crate) fn learn(&self, distance: i64) -> bool {
        let before = self.0.swap(distance, Ordering::Relaxed);
        before.abs_diff(distance) > TOLERANCE.as_millis() as u64
    }
}

/// The distance that a refusal tells, if it is about time at all.
pub(crate) fn told_by(code: &FaultCode, response: &Response, now: Timestamp) -> Option<i64> {
    let about_time = matches!(code, FaultCode::InvalidSignature | FaultCode::RequestExpired);
    let distance = date(response).filter(|_| about_time)?.millis().checked_sub(now.millis())?;
    (distance.unsigned_abs() > TOLERANCE.as_millis() as u64).then_some(distance)
}

/// When the service says that it answered, by its own clock, in whole seconds.
pub(crate) fn date(response: &Response) -> Option<Timestamp> {
    let date = httpdate::parse_http_date(response.headers.get(header::DATE)?).ok()?;
    let since = date.duration_since(UNIX_EPOCH).ok()?;
    Some(Timestamp::from_millis(i64::try_from(since.as_millis()).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tailwater_wire::Body;
    use tailwater_wire::http::HeaderFields;

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn answer(date: &str) -> Response {
        let mut headers = HeaderFields::new();
        headers.add(header::DATE, date);
        Response { status: 400, headers, body: Body::Whole("".into()) }
    }

    #[test]
    fn a_clock_that_is_off_is_corrected_by_what_the_refusal_tells() {
        // An hour ahead of us.
        let response = answer("Tue, 14 Nov 2023 23:13:20 GMT");
        assert_eq!(told_by(&FaultCode::InvalidSignature, &response, NOW), Some(3_600_000));
        assert_eq!(told_by(&FaultCode::RequestExpired, &response, NOW), Some(3_600_000));
        let skew = Skew::default();
        assert!(skew.learn(3_600_000));
        assert!(!skew.learn(3_601_000), "nothing new");
        assert_eq!(skew.correct(NOW), NOW.plus(Duration::from_secs(3601)));
    }

    #[test]
    fn a_refusal_for_another_reason_corrects_nothing() {
        assert_eq!(told_by(&FaultCode::AccessDenied, &answer("Tue, 14 Nov 2023 23:13:20 GMT"), NOW), None);
        // The clocks agree, so the secret is wrong.
        assert_eq!(told_by(&FaultCode::InvalidSignature, &answer("Tue, 14 Nov 2023 22:13:30 GMT"), NOW), None);
        assert_eq!(told_by(&FaultCode::InvalidSignature, &answer("yesterday"), NOW), None);
    }
}

//! Keys kept until shortly before they expire, and fetched once for all callers.
//! While new ones are fetched early, the old ones serve on; only when there are none at all do callers wait, together.

use super::{Credentials, CredentialsFault, Keys};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tailwater_record::Timestamp;
use tokio::sync::OnceCell;

/// Keys are fetched anew this long before they expire.
const EARLY: Duration = Duration::from_secs(300);

/// Keys that expire within this are not used any more: the request must arrive before.
const LAST_MOMENT: Duration = Duration::from_secs(10);

/// A provider, and the keys that it gave last.
#[derive(Debug)]
pub(crate) struct CachedCredentials {
    provider: Arc<dyn Credentials>,
    state: Mutex<State>,
}

type Fetch = Arc<OnceCell<Keys>>;

#[derive(Debug, Default)]
struct State {
    held: Option<Keys>,
    /// The fetch that is under way, which whoever needs it joins.
    under_way: Option<Fetch>,
}

impl CachedCredentials {
    pub(crate) fn new(provider: Arc<dyn Credentials>) -> Self {
        Self { provider, state: Mutex::default() }
    }

    /// Keys that serve now.
    pub(crate) async fn get(&self, now: Timestamp) -> Result<Keys, CredentialsFault> {
        let (fetch, fallback) = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let held = state.held.clone().filter(|keys| serves(keys, now, LAST_MOMENT));
            match held {
                Some(keys) if serves(&keys, now, EARLY) || state.under_way.is_some() => return Ok(keys),
                held => (Arc::clone(state.under_way.get_or_insert_default()), held),
            }
        };
        let fetched = fetch.get_or_try_init(|| self.provider.provide()).await.cloned();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.under_way.as_ref().is_some_and(|under_way| Arc::ptr_eq(under_way, &fetch)) {
            state.under_way = None;
            if let Ok(keys) = &fetched {
                state.held = Some(keys.clone());
            }
        }
        // The old ones serve still, so nobody suffers from a provider that fails for a while.
        fetched.or_else(|fault| fallback.ok_or(fault))
    }

    /// Forgets the keys, because the service says that they have expired.
    pub(crate) fn forget(&self, expired: &Keys) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |held: &Keys| held.access_key_id() == expired.access_key_id() && held.expire == expired.expire;
        if state.held.as_ref().is_some_and(same) {
            state.held = None;
        }
    }
}

fn serves(keys: &Keys, now: Timestamp, ahead: Duration) -> bool {
    keys.expire.is_none_or(|expire| now.plus(ahead) < expire)
}

#[cfg(test)]
mod tests {
    use super::super::ProvidedKeys;
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};
    use tokio::sync::Semaphore;

    const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    /// Gives numbered keys of an hour, each when it is told to; fails when told to.
    #[derive(Debug)]
    struct Provider {
        given: AtomicU32,
        gate: Semaphore,
        fails: std::sync::atomic::AtomicBool,
    }

    impl Credentials for Arc<Provider> {
        fn provide(&self) -> ProvidedKeys<'_> {
            Box::pin(async move {
                self.gate.acquire().await.unwrap().forget();
                if self.fails.load(Ordering::SeqCst) {
                    return Err(CredentialsFault::Failed("away".to_owned()));
                }
                let number = self.given.fetch_add(1, Ordering::SeqCst);
                let expire = START.plus(Duration::from_secs(3600 * u64::from(number + 1)));
                Ok(Keys::new(&format!("key {number}"), "secret", None, Some(expire)))
            })
        }
    }

    fn cache(permits: usize) -> (Arc<Provider>, Arc<CachedCredentials>) {
        let provider =
            Arc::new(Provider { given: AtomicU32::new(0), gate: Semaphore::new(permits), fails: false.into() });
        let cache = Arc::new(CachedCredentials::new(Arc::new(Arc::clone(&provider))));
        (provider, cache)
    }

    #[tokio::test]
    async fn keys_are_fetched_once_for_all_callers() {
        let (provider, cache) = cache(0);
        let callers: Vec<_> = (0..20)
            .map(|_| {
                let cache = Arc::clone(&cache);
                tokio::spawn(async move { cache.get(START).await.map(|keys| keys.access_key_id().to_owned()) })
            })
            .collect();
        tokio::task::yield_now().await;
        provider.gate.add_permits(20);
        for caller in callers {
            assert_eq!(caller.await.unwrap(), Ok("key 0".to_owned()));
        }
        assert_eq!(provider.given.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn keys_are_renewed_before_they_expire_and_old_ones_serve_meanwhile() {
        let (provider, cache) = cache(1);
        assert_eq!(cache.get(START).await.unwrap().access_key_id(), "key 0");
        let late = START.plus(Duration::from_secs(3600 - 200));
        let renewing = tokio::spawn({
            let cache = Arc::clone(&cache);
            async move { cache.get(late).await.unwrap().access_key_id().to_owned() }
        });
        tokio::task::yield_now().await;
        assert_eq!(cache.get(late).await.unwrap().access_key_id(), "key 0", "nobody else waits");
        provider.gate.add_permits(1);
        assert_eq!(renewing.await.unwrap(), "key 1");
        assert_eq!(cache.get(late).await.unwrap().access_key_id(), "key 1");
    }

    #[tokio::test]
    async fn a_provider_that_fails_does_no_harm_while_old_keys_serve() {
        let (provider, cache) = cache(10);
        cache.get(START).await.unwrap();
        provider.fails.store(true, Ordering::SeqCst);
        let late = START.plus(Duration::from_secs(3600 - 200));
        assert_eq!(cache.get(late).await.unwrap().access_key_id(), "key 0");
        let expired = START.plus(Duration::from_secs(3600));
        assert_eq!(cache.get(expired).await.unwrap_err(), CredentialsFault::Failed("away".to_owned()));
        provider.fails.store(false, Ordering::SeqCst);
        assert_eq!(cache.get(expired).await.unwrap().access_key_id(), "key 1");
    }

    #[tokio::test]
    async fn a_caller_who_gives_up_does_not_leave_the_others_waiting() {
        let (provider, cache) = cache(0);
        let first = tokio::spawn({
            let cache = Arc::clone(&cache);
            async move { cache.get(START).await }
        });
        tokio::task::yield_now().await;
        first.abort();
        let _ = first.await;
        provider.gate.add_permits(1);
        assert_eq!(cache.get(START).await.unwrap().access_key_id(), "key 0");
    }
}

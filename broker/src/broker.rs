//! The broker: opened once, asked often. A request in, an answer out, whatever carries them.
//! `answer` runs the whole way: look at the request (`admit`), read its input, act, and write the answer or the fault.
//! Called by `http`, and by whoever joins a client to a broker in the same process.

use crate::account::Account;
use crate::actions::{self, Action};
use crate::admit::{Admitted, admit};
use crate::config::Config;
use crate::error::Error;
use crate::here::Here;
use crate::ids::Ids;
use crate::refusal::refuse;
use crate::token::TokenKey;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, UNIX_EPOCH};
use tailwater_record::{AccountId, Region, StreamArn, Timestamp};
use tailwater_wire::http::header;
use tailwater_wire::shape::{DecodeError, Value};
use tailwater_wire::{Codec, Fault, FaultCode, Request, Response};

/// A local Kinesis. Cheap to clone; all clones are one broker, and what it holds goes with the last of them.
///
/// ```
/// use tailwater_broker::{Broker, Config};
/// use tailwater_wire::http::header;
/// use tailwater_wire::shapes::CreateStreamInput;
/// use tailwater_wire::{Codec, Request};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let broker = Broker::open(Config::default())?;
/// let mut request = Request::of(&CreateStreamInput::provisioned("orders".parse()?, 2), Codec::Json);
/// request.headers.set(header::AUTHORIZATION, "AWS4-HMAC-SHA256 Credential=any/day/us-east-1/kinesis/aws4_request, \
///     SignedHeaders=host, Signature=any");
/// request.headers.set(header::AMZ_DATE, "20261121T000000Z");
/// assert_eq!(broker.answer(request).await.status, 200);
/// # Ok(())
/// # }
/// # futures_util::FutureExt::now_or_never(example()).expect("nothing to wait for").expect("a stream");
/// ```
#[derive(Clone, Debug)]
pub struct Broker {
    inner: Arc<Inner>,
}

/// What all clones share.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) config: Config,
    pub(crate) token_key: TokenKey,
    ids: Ids,
    serial: AtomicU64,
    accounts: Mutex<BTreeMap<(AccountId, Region), Arc<Account>>>,
    /// When what is too old was last forgotten everywhere.
    swept: AtomicI64,
}

/// How often streams that nobody reads are relieved of what is too old.
const SWEEP: Duration = Duration::from_secs(10);

const ACCOUNT: &str = "000000000000";
const REGION: &str = "us-east-1";

impl Broker {
    /// Opens a broker that keeps everything in memory.
    ///
    /// # Errors
    ///
    /// If the system gives no random bytes, with which iterators and tokens are sealed.
    pub fn open(config: Config) -> Result<Self, Error> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(Error::Randomness)?;
        let mut seeds = [0; 16];
        getrandom::fill(&mut seeds).map_err(Error::Randomness)?;
        let (ids, serial) = (u128::from_le_bytes(seeds) as u64, (u128::from_le_bytes(seeds) >> 64) as u64);
        let inner = Inner {
            swept: AtomicI64::new(config.clock.now().millis()),
            config,
            token_key: TokenKey::new(secret),
            ids: Ids::new(ids),
            serial: AtomicU64::new(serial),
            accounts: Mutex::default(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Answers a request: an operation's output, or a fault as the service tells it.
    ///
    /// # Cancellation
    ///
    /// A request whose answer is not waited for has happened as a whole or not at all.
    #[allow(clippy::unused_async, reason = "a broker that keeps records on disk will wait for it")]
    pub async fn answer(&self, request: Request) -> Response {
        let inner = &self.inner;
        let now = inner.config.clock.now();
        inner.sweep(now);
        let mut response = match admit(&request) {
            Ok(admitted) => inner.act(&admitted, &request, now),
            Err(response) => response,
        };
        let (id, second) = inner.ids.next();
        tracing::debug!(
            request_id = %id,
            operation = request.headers.get(header::AMZ_TARGET),
            status = response.status,
            fault = response.headers.get(header::ERROR_TYPE),
            "answered"
        );
        response.headers.add(header::REQUEST_ID, id);
        response.headers.add(header::REQUEST_ID_2, second);
        // Readers that begin now take their place from this.
        let since = Duration::from_millis(u64::try_from(now.millis()).unwrap_or(0));
        response.headers.add(header::DATE, httpdate::fmt_http_date(UNIX_EPOCH + since));
        response
    }

    /// A name for an answer that no operation gives.
    #[cfg(feature = "listen")]
    pub(crate) fn next_id(&self) -> String {
        self.inner.ids.next().0
    }

    /// Bytes reserved for records, in all streams together.
    #[must_use]
    pub fn bytes_held(&self) -> usize {
        self.inner.all_accounts().iter().map(|account| account.held()).sum()
    }
}

impl Inner {
    fn act(&self, admitted: &Admitted<'_>, request: &Request, now: Timestamp) -> Response {
        let here = Here::new(self, self.account(admitted), now);
        actions::run(admitted.operation, &Asked { here, codec: admitted.codec, request })
    }

    /// The account that a request is served as.
    fn account(&self, admitted: &Admitted<'_>) -> Arc<Account> {
        let claim = &admitted.claim;
        let id = self.config.account.or_else(|| claim.access_key_id.parse().ok());
        let id = id.unwrap_or_else(|| ACCOUNT.parse().expect("twelve digits are an account"));
        let region = self.config.region.clone().or_else(|| claim.region.parse().ok());
        let region = region.unwrap_or_else(|| REGION.parse().expect("the name of a region"));
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let account = accounts.entry((id, region.clone())).or_insert_with(|| Arc::new(Account::new(id, region)));
        Arc::clone(account)
    }

    /// The account whose stream this is, if it has any.
    pub(crate) fn account_of(&self, arn: &StreamArn) -> Option<Arc<Account>> {
        let accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        accounts.get(&(arn.account(), arn.region().clone())).map(Arc::clone)
    }

    fn all_accounts(&self) -> Vec<Arc<Account>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner).values().map(Arc::clone).collect()
    }

    /// A number that no stream of this broker had before.
    pub(crate) fn next_serial(&self) -> u64 {
        self.serial.fetch_add(1, Ordering::Relaxed)
    }

    /// Forgets what is too old, now and then. A request does it on the way, so that no timer is needed; a broker that
    /// nobody asks does not grow.
    fn sweep(&self, now: Timestamp) {
        let swept = self.swept.load(Ordering::Relaxed);
        if now.since(Timestamp::from_millis(swept)) < SWEEP {
            return;
        }
        let mine = self.swept.compare_exchange(swept, now.millis(), Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if mine {
            for account in self.all_accounts() {
                account.sweep(now);
            }
        }
    }
}

/// A request on its way to an action.
pub(crate) struct Asked<'b> {
    here: Here<'b>,
    codec: Codec,
    request: &'b Request,
}

impl Asked<'_> {
    /// Reads the input, acts, and writes the answer.
    pub(crate) fn run<A: Action>(&self) -> Response {
        let input: A = match self.codec.decode_request(&self.request.body) {
            Ok(input) => input,
            Err(error) => {
                if let (DecodeError::Refused { .. }, Some(document)) = (&error, self.document())
                    && let Some(fault) = A::refused(&document, &self.here)
                {
                    return Response::fault(&fault, self.codec);
                }
                let fault = refuse(&error, A::SCHEMA, self.codec, &self.request.body);
                return Response::fault(&fault, self.codec);
            }
        };
        match input.act(&self.here) {
            Ok(output) => Response::of_sized(&output, self.codec, A::answer_size(&output)),
            Err(fault) => Response::fault(&fault, self.codec),
        }
    }

    fn document(&self) -> Option<Value> {
        self.codec.read_value(&self.request.body)
    }

    /// Answers an operation that is not offered.
    pub(crate) fn decline(&self, why: &str) -> Response {
        Response::fault(&Fault::new(FaultCode::UnknownOperation, why), self.codec)
    }
}

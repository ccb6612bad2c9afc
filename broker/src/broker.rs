//! The broker: opened once, asked often. A request in, an answer out, whatever carries them.
//! `answer` runs the whole way: look at the request (`admit`), read its input, act, and write the answer or the fault.
//! Called by `http`, and by whoever joins a client to a broker in the same process.

use crate::account::{Account, Accounts};
use crate::actions::{self, Action};
use crate::admit::{Admitted, admit};
use crate::config::Config;
use crate::error::Error;
use crate::here::Here;
use crate::ids::Ids;
use crate::log::{Hands, Log};
use crate::refusal::refuse;
use crate::stream::journal::Verdict;
use crate::texts::{unreadable, unwritten};
use crate::token::TokenKey;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};
use tailwater_record::Timestamp;
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
    pub(crate) accounts: Arc<Accounts>,
    /// Where what happens is written down, if it is.
    pub(crate) log: Option<Log>,
    /// When what is too old was last forgotten everywhere.
    swept: AtomicI64,
}

/// How often streams that nobody reads are relieved of what is too old.
const SWEEP: Duration = Duration::from_secs(10);

/// The last moment that a header can tell.
const LAST_DATE: Duration = Duration::from_secs(253_402_300_799);

const ACCOUNT: &str = "000000000000";
const REGION: &str = "us-east-1";

impl Broker {
    /// Opens a broker: in memory, or on the data that `config` names, which are brought back first.
    ///
    /// # Errors
    ///
    /// If the system gives no random bytes, with which iterators and tokens are sealed; or if the data cannot be had or read.
    pub fn open(config: Config) -> Result<Self, Error> {
        let mut chance = [[0; 8]; 7];
        getrandom::fill(chance.as_flattened_mut()).map_err(Error::Randomness)?;
        let (inner, hands) = Inner::open(config, chance.map(u64::from_le_bytes))?;
        let log = match (inner.log, hands) {
            (Some(log), Some(hands)) => Some(log.run(hands)?),
            (log, _) => log,
        };
        Ok(Self { inner: Arc::new(Inner { log, ..inner }) })
    }

    /// Opens a broker whose log is written step by step, and whose chance is a seed's.
    #[cfg(any(test, feature = "unstable-internals"))]
    pub(crate) fn open_by_hand(config: Config, seed: u64) -> Result<(Self, Option<Hands>), Error> {
        let mut chance = fastrand::Rng::with_seed(seed);
        let (inner, hands) = Inner::open(config, std::array::from_fn(|_| chance.u64(..)))?;
        Ok((Self { inner: Arc::new(inner) }, hands))
    }

    /// Answers a request: an operation's output, or a fault as the service tells it.
    ///
    /// # Cancellation
    ///
    /// A request whose answer is not waited for has happened as a whole or not at all.
    pub async fn answer(&self, request: Request) -> Response {
        let inner = &self.inner;
        let now = inner.config.clock.now();
        inner.sweep(now);
        let mut response = match admit(&request) {
            Ok(admitted) => match inner.act(&admitted, &request, now, false) {
                Some(answer) => answer.when_certain(admitted.codec).await,
                None => inner.act_waiting(&request, now).await.when_certain(admitted.codec).await,
            },
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
        let since = Duration::from_millis(u64::try_from(now.millis()).unwrap_or(0)).min(LAST_DATE);
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
        self.inner.accounts.all().iter().map(|account| account.held()).sum()
    }
}

impl Inner {
    fn open(config: Config, chance: [u64; 7]) -> Result<(Self, Option<Hands>), Error> {
        let [ids, serial, number, key @ ..] = chance;
        let mut secret = [0; 32];
        secret.as_chunks_mut().0.copy_from_slice(&key.map(u64::to_le_bytes));
        let (accounts, now) = (Arc::new(Accounts::default()), config.clock.now());
        let (mut log, mut hands) = (None, None);
        if let Some(data) = &config.data {
            let (opened, with, key) = Log::open(data, &accounts, now, (number, secret))?;
            (log, hands, secret) = (Some(opened), Some(with), key);
        }
        let inner = Self {
            swept: AtomicI64::new(now.millis()),
            config,
            token_key: TokenKey::new(secret),
            ids: Ids::new(ids),
            serial: AtomicU64::new(serial),
            accounts,
            log,
        };
        Ok((inner, hands))
    }

    /// Acts, and gives the answer with what it hangs on; `None` if the disk would have to be waited for, and may not be.
    fn act(&self, admitted: &Admitted<'_>, request: &Request, now: Timestamp, may_wait: bool) -> Option<Answer> {
        let here = Here::new(self, self.account(admitted), now, may_wait);
        let asked = Asked { here, codec: admitted.codec, request };
        let response = actions::run(admitted.operation, &asked);
        let verdicts = asked.here.into_verdicts()?;
        Some(Answer { response, verdicts })
    }

    /// Acts where a thread may wait for the disk.
    async fn act_waiting(self: &Arc<Self>, request: &Request, now: Timestamp) -> Answer {
        let (inner, request) = (Arc::clone(self), request.clone());
        let act = move || {
            let admitted = admit(&request).ok();
            admitted.and_then(|admitted| inner.act(&admitted, &request, now, true)).unwrap_or_else(Answer::none)
        };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => runtime.spawn_blocking(act).await.unwrap_or_else(|_| Answer::none()),
            // Whoever has no runtime has nothing else to do meanwhile.
            Err(_) => act(),
        }
    }

    /// The account that a request is served as.
    fn account(&self, admitted: &Admitted<'_>) -> Arc<Account> {
        let claim = &admitted.claim;
        let id = self.config.account.or_else(|| claim.access_key_id.parse().ok());
        let id = id.unwrap_or_else(|| ACCOUNT.parse().expect("twelve digits are an account"));
        let region = self.config.region.clone().or_else(|| claim.region.parse().ok());
        let region = region.unwrap_or_else(|| REGION.parse().expect("the name of a region"));
        self.accounts.of(id, region)
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
            for account in self.accounts.all() {
                account.sweep(now);
            }
        }
    }
}

/// An answer that nobody may hear before these verdicts are spoken.
struct Answer {
    response: Response,
    verdicts: Vec<Verdict>,
}

impl Answer {
    /// Of whoever should have acted and did not.
    fn none() -> Self {
        Self { response: Response::fault(&unreadable(), Codec::Json), verdicts: Vec::new() }
    }

    async fn when_certain(self, codec: Codec) -> Response {
        for verdict in self.verdicts {
            if !verdict.spoken().await {
                return Response::fault(&unwritten(), codec);
            }
        }
        self.response
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

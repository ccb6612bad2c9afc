#![doc = include_str!("../README.md")]

#[doc(inline)]
pub use tailwater_record as record;
#[doc(inline)]
pub use tailwater_wire as wire;

#[cfg(feature = "client")]
#[doc(inline)]
pub use tailwater_client as client;

#[cfg(feature = "producer")]
#[doc(inline)]
pub use tailwater_producer as producer;

#[cfg(feature = "consumer")]
#[doc(inline)]
pub use tailwater_store as store;

#[cfg(feature = "consumer")]
#[doc(inline)]
pub use tailwater_consumer as consumer;

#[cfg(feature = "broker")]
#[doc(inline)]
pub use tailwater_broker as broker;

#[cfg(all(feature = "broker", feature = "client"))]
pub mod local;

#[cfg(all(feature = "broker", feature = "consumer"))]
pub mod testing;

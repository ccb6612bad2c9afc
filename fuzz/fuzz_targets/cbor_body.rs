//! CBOR bodies as every shape and fault: see `bodies` for what must hold.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tailwater_wire::Codec;

fuzz_target!(|input: &[u8]| tailwater_fuzz::bodies::fuzz(Codec::Cbor, input));

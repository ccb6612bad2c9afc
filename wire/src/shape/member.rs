//! How the plain kinds of members go in and out: numbers, booleans, blobs, moments, lists, and what may be absent.
//! Structures come from `shape!`, texts from `words.rs`.

use super::place::{Constraint, Halt, Place, Step};
use super::schema::Kind;
use super::sink::Sink;
use super::source::Source;
use bytes::Bytes;
use std::fmt;
use tailwater_record::Timestamp;

/// The least and greatest number, or the fewest and most elements.
pub type Bounds = Option<(i64, i64)>;

/// A value that can stand in a request or response.
pub trait Member: Sized + fmt::Debug {
    /// Whether a structure must have it.
    const REQUIRED: bool = true;
    /// Whether a client can do without it where it may be absent. Not so for what would then look like something else: a
    /// page of shards that looks like none, an open shard that is closed.
    const DISPENSABLE: bool = false;
    /// What it is.
    const KIND: Kind;

    /// Whether it is left out when written.
    fn is_absent(&self) -> bool {
        false
    }

    /// The value of a member that is not there, if it may be so.
    fn absent() -> Option<Self> {
        None
    }

    /// Shows it in a log: never a payload.
    fn show(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, out)
    }

    /// Writes it.
    fn write<S: Sink>(&self, sink: &mut S);

    /// Reads it; `None` if it breaks a limit, which has then been noted.
    fn read<S: Source>(source: &mut S, place: &Place<'_>, bounds: Bounds) -> Result<Option<Self>, Halt>;
}

impl<T: Member> Member for Option<T> {
    const REQUIRED: bool = false;
    const KIND: Kind = T::KIND;

    fn is_absent(&self) -> bool {
        self.is_none()
    }

    fn absent() -> Option<Self> {
        Some(None)
    }

    fn show(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Some(value) => value.show(out),
            None => out.write_str("None"),
        }
    }

    fn write<S: Sink>(&self, sink: &mut S) {
        if let Some(value) = self {
            value.write(sink);
        }
    }

    fn read<S: Source>(source: &mut S, place: &Place<'_>, bounds: Bounds) -> Result<Option<Self>, Halt> {
        let value = T::read(source, place, bounds)?;
        if T::DISPENSABLE && value.is_none() && !source.reading().is_strict() {
            return Ok(Some(None));
        }
        Ok(value.map(Some))
    }
}

impl<T: Member> Member for Vec<T> {
    const KIND: Kind = Kind::List(&T::KIND);

    fn show(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list().entries(self.iter().map(Shown)).finish()
    }

    fn write<S: Sink>(&self, sink: &mut S) {
        sink.list(self.len(), |sink| {
            for item in self {
                sink.item();
                item.write(sink);
            }
        });
    }

    fn read<S: Source>(source: &mut S, place: &Place<'_>, bounds: Bounds) -> Result<Option<Self>, Halt> {
        let (mut items, mut seen) = (Self::new(), 0_usize);
        let most = bounds.filter(|_| source.reading().is_strict()).map_or(usize::MAX, |(_, most)| most as usize);
        let read = source.list(|source| {
            // What is beyond the limit is counted, but neither read nor kept.
            if seen < most {
                let place = place.then(Step::Item(seen));
                // What is null is not there, which an element cannot be.
                if source.reading().is_strict() && source.null()? {
                    source.reading().problem(&place, Constraint::Required);
                } else {
                    items.extend(T::read(source, &place, None)?);
                }
            } else {
                source.skip()?;
            }
            seen += 1;
            Ok(())
        });
        read.map_err(|halt| halt.at(place, Self::KIND))?;
        let kept = keeps_length(source, place, seen, bounds);
        Ok((kept && items.len() == seen).then_some(items))
    }
}

/// Whether so many elements are allowed; noted if not.
pub(crate) fn keeps_length<S: Source>(source: &mut S, place: &Place<'_>, found: usize, bounds: Bounds) -> bool {
    let Some((min, max)) = bounds.filter(|_| source.reading().is_strict()) else { return true };
    let (min, max) = (usize::try_from(min).unwrap_or(0), usize::try_from(max).unwrap_or(0));
    if found < min {
        source.reading().problem(place, Constraint::MinLength { found, min });
    }
    if found > max {
        source.reading().problem(place, Constraint::MaxLength { found, max });
    }
    (min..=max).contains(&found)
}

/// A member as a log shows it.
pub(crate) struct Shown<'m, T>(pub(crate) &'m T);

impl<T: Member> fmt::Debug for Shown<'_, T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.show(out)
    }
}

macro_rules! whole_number {
    ($type:ty, $least:expr, $greatest:expr) => {
        impl Member for $type {
            const DISPENSABLE: bool = true;
            const KIND: Kind = Kind::Integer;

            fn write<S: Sink>(&self, sink: &mut S) {
                sink.integer(i64::try_from(*self).unwrap_or(i64::MAX));
            }

            fn read<S: Source>(source: &mut S, place: &Place<'_>, bounds: Bounds) -> Result<Option<Self>, Halt> {
                let number = source.integer().map_err(|halt| halt.at(place, Self::KIND))?;
                // The service takes numbers beyond the type for the last ones inside it.
                let number = number.clamp(i64::from(i32::MIN), $greatest);
                let (min, max) = match bounds {
                    Some((min, max)) if source.reading().is_strict() => (min, max),
                    _ => ($least, $greatest),
                };
                if number < min {
                    source.reading().problem(place, Constraint::MinValue(min));
                } else if number > max {
                    source.reading().problem(place, Constraint::MaxValue(max));
                }
                let kept = (min..=max).contains(&number);
                Ok(if kept { Self::try_from(number).ok() } else { None })
            }
        }
    };
}

whole_number!(u32, 0, i64::from(i32::MAX));
whole_number!(i32, i64::from(i32::MIN), i64::from(i32::MAX));
whole_number!(u64, 0, i64::MAX);

impl Member for bool {
    const KIND: Kind = Kind::Boolean;

    fn write<S: Sink>(&self, sink: &mut S) {
        sink.boolean(*self);
    }

    fn read<S: Source>(source: &mut S, place: &Place<'_>, _: Bounds) -> Result<Option<Self>, Halt> {
        source.boolean().map(Some).map_err(|halt| halt.at(place, Self::KIND))
    }
}

impl Member for Timestamp {
    const KIND: Kind = Kind::Timestamp;

    fn write<S: Sink>(&self, sink: &mut S) {
        sink.timestamp(*self);
    }

    fn read<S: Source>(source: &mut S, place: &Place<'_>, _: Bounds) -> Result<Option<Self>, Halt> {
        source.timestamp().map(Some).map_err(|halt| halt.at(place, Self::KIND))
    }
}

/// The most bytes that the data of a record may have in the service's model.
pub(crate) const BLOB_MAX: usize = 10 * 1024 * 1024;

impl Member for Bytes {
    const KIND: Kind = Kind::Blob(BLOB_MAX);

    fn show(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} bytes", self.len())
    }

    fn write<S: Sink>(&self, sink: &mut S) {
        sink.blob(self);
    }

    fn read<S: Source>(source: &mut S, place: &Place<'_>, _: Bounds) -> Result<Option<Self>, Halt> {
        let bytes = source.blob().map_err(|halt| halt.at(place, Self::KIND))?;
        if bytes.len() > BLOB_MAX && source.reading().is_strict() {
            source.reading().problem(place, Constraint::MaxLength { found: bytes.len(), max: BLOB_MAX });
            return Ok(None);
        }
        Ok(Some(bytes))
    }
}

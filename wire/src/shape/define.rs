//! `shape!`: one description of a structure becomes the struct, its schema, and its way in and out.
//! Why a macro of ours and not a derive of `serde`: faults must name their place and never a value, all broken limits
//! are told at once, two encodings differ in blobs and moments, and the schema must be there as data.

/// Defines structures.
///
/// ```ignore
/// shape! {
///     /// Asks for the tags of a stream.
///     pub struct ListTagsForStreamInput {
///         /// The stream, by name.
///         "StreamName" stream_name: Option<StreamName>,
///         /// At most so many tags.
///         "Limit" limit: Option<u32> [1..=50],
///     }
/// }
/// ```
macro_rules! shape {
    ($(
        $(#[$doc:meta])*
        $vis:vis struct $name:ident {
            $(
                $(#[$member_doc:meta])*
                $wire:literal $member:ident: $type:ty $([$min:literal..=$max:literal])?
            ),* $(,)?
        }
    )*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq)]
        $vis struct $name {
            $($(#[$member_doc])* $vis $member: $type,)*
        }

        /// Payloads are shown by their size.
        impl std::fmt::Debug for $name {
            fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.debug_struct(stringify!($name))
                    $(.field(stringify!($member), &$crate::shape::Shown(&self.$member)))*
                    .finish()
            }
        }

        impl $crate::shape::Shape for $name {
            const SCHEMA: &'static $crate::shape::Schema = &$crate::shape::Schema {
                name: stringify!($name),
                members: &[$($crate::shape::MemberSchema {
                    name: $wire,
                    required: <$type as $crate::shape::Member>::REQUIRED,
                    kind: <$type as $crate::shape::Member>::KIND,
                    bounds: $crate::shape::shape!(@bounds $($min, $max)?),
                },)*],
            };
        }

        impl $crate::shape::Member for $name {
            const KIND: $crate::shape::Kind =
                $crate::shape::Kind::Structure(<Self as $crate::shape::Shape>::SCHEMA);

            #[inline]
            fn write<S: $crate::shape::Sink>(&self, sink: &mut S) {
                #[allow(unused_imports, reason = "a structure may have no members")]
                use $crate::shape::Member;
                let present = 0 $(+ usize::from(!self.$member.is_absent()))*;
                sink.map(present, |_sink| {
                    $(if !self.$member.is_absent() {
                        _sink.key($crate::shape::Key { name: $wire, json: concat!(",\"", $wire, "\":") });
                        self.$member.write(_sink);
                    })*
                });
            }

            #[inline]
            fn read<S: $crate::shape::Source>(
                source: &mut S,
                place: &$crate::shape::Place<'_>,
                _: $crate::shape::Bounds,
            ) -> Result<Option<Self>, $crate::shape::Halt> {
                #[allow(unused_imports, reason = "a structure may have no members")]
                use $crate::shape::{Constraint, Member, Step};
                // Outside: was it there? Inside: did it keep its limits?
                $(let mut $member: Option<Option<$type>> = None;)*
                let read = source.map(|source, key| {
                    match key {
                        $($wire => if !source.null()? {
                            let _place = place.then(Step::Member($wire));
                            $member = Some(<$type>::read(source, &_place, $crate::shape::shape!(@bounds $($min, $max)?))?);
                        },)*
                        _ => source.skip()?,
                    }
                    Ok(())
                });
                read.map_err(|halt| halt.at(place, Self::KIND))?;
                $(let $member = match $member {
                    Some(value) => value,
                    None => <$type>::absent().or_else(|| {
                        source.reading().problem(&place.then(Step::Member($wire)), Constraint::Required);
                        None
                    }),
                };)*
                $(let Some($member) = $member else { return Ok(None) };)*
                Ok(Some(Self { $($member,)* }))
            }
        }
    )*};
    (@bounds) => { None };
    (@bounds $min:literal, $max:literal) => { Some(($min, $max)) };
}

pub(crate) use shape;

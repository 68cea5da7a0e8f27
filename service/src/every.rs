//! Lists of all variants of an enum.

/// Array of all variants of an enum: it does not compile where one is missing.
macro_rules! every {
    ($of:ident: $($variant:ident $(($value:expr))?),+ $(,)?) => {{
        let _ = |value: $of| match value { $($of::$variant { .. } => ()),+ };
        [$($of::$variant $(($value))?),+]
    }};
}
pub(crate) use every;

//! Data before order: bundles, acknowledgements, certified tips (L1 to L6), and the marks of strong reads (R).

pub(crate) mod lane;
pub(crate) mod intake;
pub(crate) mod own_lane;
pub(crate) mod reading;

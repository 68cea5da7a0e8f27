//! The main job on one machine: a real git history through four real replicas, one of which lies.

pub mod liar;

//! The client against a node that answers from a script.

mod patience;
mod scripted;

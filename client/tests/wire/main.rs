//! The client against a node that answers from a script.

mod author;
mod patience;
mod scripted;

//! The client against a node that answers from a script.

mod author;
mod events;
mod patience;
mod scripted;

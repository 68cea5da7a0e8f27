//! Networks on real sockets: loopback, ports chosen by the operating system, conditions with a time limit.

mod group;
mod raw;

mod bulk;
mod crowd;
mod cut;
mod discovery;
mod handle;
mod members;
mod mesh;
mod settling;
mod strangers;

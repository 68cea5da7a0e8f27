//! The core without `std`: this library links only if nothing beneath the core does more than allocate.
#![no_std]

extern crate alloc;

use alloc::sync::Arc;
use core::alloc::{GlobalAlloc, Layout};
use quorate_pbft::{
    Committee, Constants, Digest, Ed25519, Ed25519Signer, Effects, Epoch, Input, Now, Replica, ReplicaConfig,
    ReplicaId, Signer,
};

/// Has no memory to give: the library is built, never run.
struct Nothing;

// SAFETY: it never hands out memory, so there is nothing to misuse.
unsafe impl GlobalAlloc for Nothing {
    unsafe fn alloc(&self, _: Layout) -> *mut u8 {
        core::ptr::null_mut()
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static NOTHING: Nothing = Nothing;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// One step of a group of one, so that the whole core is reachable from an exported symbol.
#[unsafe(no_mangle)]
pub extern "C" fn quorate_pbft_step() -> usize {
    let signer = Ed25519Signer::from_seed(&[1; 32]);
    let Some(committee) = Committee::new(Digest::ZERO, Epoch::new(0), alloc::vec![signer.public_key()]) else {
        return 0;
    };
    let mut replica = Replica::new(ReplicaConfig {
        me: ReplicaId::new(0),
        committee,
        constants: Constants::default(),
        signer: Arc::new(signer),
        verify: Arc::new(Ed25519),
        incarnation: 1,
        die: 1,
        program: quorate_pbft::Program::default(),
    });
    let mut effects = Effects::new();
    replica.step(Input::Tick(Now::default()), &mut effects);
    effects.take().len()
}

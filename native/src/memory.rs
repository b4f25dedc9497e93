//! What becomes of memory that is given back.

use libmimalloc_sys::{mi_option_set_default, mi_option_t};

/// How long the allocator waits before it returns memory to the system, in milliseconds; -1: for ever. The bindings leave this
/// entry of mimalloc.h's `mi_option_t` out.
const PURGE_DELAY: mi_option_t = 15;

/// Keeps what a step gives back for the next one, which needs as much: the system would have to clear every page again. Call
/// it before there are other threads. The variable `MIMALLOC_PURGE_DELAY` says otherwise.
pub fn keep() {
    // SAFETY: it sets an option of the allocator that is linked here, which no other thread reads yet.
    unsafe { mi_option_set_default(PURGE_DELAY, -1) };
}

#[cfg(test)]
mod tests {
    use libmimalloc_sys::mi_option_get;

    use super::*;

    /// Of all options near it, only this one is 1,000 in mimalloc 3's options.c.
    #[test]
    fn the_option_is_that_of_the_delay() {
        // SAFETY: it reads an option of the allocator that is linked here.
        assert_eq!(unsafe { mi_option_get(PURGE_DELAY) }, 1000);
    }
}

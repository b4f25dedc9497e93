//! Keeps freed memory in the allocator for the next step.

use libmimalloc_sys::{mi_option_set_default, mi_option_t};

/// The option for how many milliseconds the allocator waits before it returns freed memory to the system; -1: for ever.
/// The bindings lack this entry of `mi_option_t` in mimalloc.h.
const PURGE_DELAY: mi_option_t = 15;

/// Makes the allocator keep what a step frees: the next step needs as much, and the system would have to clear every page
/// again. Call it before there are other threads. The variable `MIMALLOC_PURGE_DELAY` overrides it.
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

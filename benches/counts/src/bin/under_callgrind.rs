//! Runs each scenario once where callgrind counts. Started by `counts`.

use std::hint::black_box;

fn main() {
    for mut scenario in counts::scenarios() {
        scenario.count(&mut counted);
    }
}

/// Callgrind counts what happens in here, and nothing else.
#[inline(never)]
fn counted(work: &mut dyn FnMut()) {
    work();
    black_box(()); // nor is it left by a jump
}

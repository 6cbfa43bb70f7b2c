//! Any bytes are a trace or an error; a trace is written and read alike.

#![no_main]

use libfuzzer_sys::fuzz_target;
use twinrack_scenario::Trace;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(trace) = Trace::from_csv(bytes) {
        let again = Trace::from_csv(trace.to_csv().as_bytes()).expect("what was written is read");
        assert_eq!(again.samples, trace.samples);
    }
});

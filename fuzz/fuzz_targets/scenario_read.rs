//! Any text is a scenario or has faults that can be drawn; an accepted one resolves to itself.

#![no_main]

use libfuzzer_sys::fuzz_target;
use twinrack_scenario::Scenario;

fuzz_target!(|text: &str| {
    match Scenario::from_yaml(text) {
        Ok(scenario) => {
            let again = Scenario::from_yaml(&scenario.yaml).expect("accepted once, accepted twice");
            assert_eq!(again.yaml, scenario.yaml);
        }
        Err(rejected) => assert!(rejected.to_string().contains("fault")),
    }
});

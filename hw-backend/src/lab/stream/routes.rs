//! Where streams go from this agent, and how much of the link each is granted; senders look here.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use twinrack_scenario::units::BitsPerSecond;

use crate::lab::agent::locked;
use crate::migrate::pace::Grant;

/// Of one stream.
#[derive(Debug, Default)]
struct Route {
    /// Where its sink is; none while there is none.
    to: Option<SocketAddr>,
    grant: Grant,
}

/// Of all streams.
#[derive(Debug, Default, Clone)]
pub(in crate::lab) struct Routes(Arc<Mutex<BTreeMap<u32, Route>>>);

impl Routes {
    /// A stream goes there from now on.
    pub fn set(&self, stream: u32, to: Option<SocketAddr>) {
        locked(&self.0).entry(stream).or_default().to = to;
    }

    /// A stream may take so much of its link.
    pub fn grant(&self, stream: u32, rate: BitsPerSecond) {
        locked(&self.0).entry(stream).or_default().grant.set(rate);
    }

    /// Where it goes.
    pub fn to(&self, stream: u32) -> Option<SocketAddr> {
        locked(&self.0).get(&stream)?.to
    }

    /// What it is granted, now and later.
    pub fn granted(&self, stream: u32) -> Grant {
        locked(&self.0).entry(stream).or_default().grant.clone()
    }
}
